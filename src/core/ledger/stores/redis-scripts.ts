import { createHash } from 'node:crypto';

export interface RedisScript {
  readonly source: string;
  readonly sha1: string;
}

function script(source: string): RedisScript {
  return { source, sha1: createHash('sha1').update(source).digest('hex') };
}

/**
 * Replaces exactly the bytes that were read, and tells those who watch.
 *
 * KEYS[1]  the entry
 * ARGV[1]  the bytes expected there
 * ARGV[2]  the bytes to put there
 * ARGV[3]  time to live in milliseconds, '0' for ever
 * ARGV[4]  the channel to publish to, '' for none
 * returns  1 when replaced, 0 when the entry is absent or holds other bytes
 *
 * allow-oom: at maxmemory a settle or a renewal must still go through. One key, so that a cluster takes it.
 */
export const compareAndSetScript = script(`#!lua flags=allow-oom
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[3] == '0' then redis.call('SET', KEYS[1], ARGV[2])
else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
if ARGV[4] ~= '' then redis.call('PUBLISH', ARGV[4], '') end
return 1`);

/**
 * Deletes the entry if it holds exactly these bytes.
 *
 * KEYS[1]  the entry
 * ARGV[1]  the bytes expected there
 * returns  1 when deleted, 0 when the entry is absent or holds other bytes
 */
export const deleteScript = script(`#!lua flags=allow-oom
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`);
