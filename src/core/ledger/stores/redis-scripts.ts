import { createHash } from 'node:crypto';

export interface RedisScript {
  readonly source: string;
  readonly sha1: string;
}

function script(source: string): RedisScript {
  return { source, sha1: createHash('sha1').update(source).digest('hex') };
}

/**
 * Replaces the entry if it has exactly the expected bytes, and publishes to its watchers.
 *
 * KEYS[1]  the entry
 * ARGV[1]  the bytes expected there
 * ARGV[2]  the bytes to put there
 * ARGV[3]  time to live in ms, '0' for no expiry
 * ARGV[4]  the channel to publish to, '' for none
 * returns  1 if replaced, 0 if the entry is absent or has other bytes
 *
 * allow-oom: a settle or renewal must also work at maxmemory. The script uses one key, so that a cluster accepts it.
 */
export const compareAndSetScript = script(`#!lua flags=allow-oom
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[3] == '0' then redis.call('SET', KEYS[1], ARGV[2])
else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
if ARGV[4] ~= '' then redis.call('PUBLISH', ARGV[4], '') end
return 1`);

/**
 * Deletes the entry if it has exactly these bytes.
 *
 * KEYS[1]  the entry
 * ARGV[1]  the bytes expected there
 * returns  1 if deleted, 0 if the entry is absent or has other bytes
 */
export const deleteScript = script(`#!lua flags=allow-oom
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`);
