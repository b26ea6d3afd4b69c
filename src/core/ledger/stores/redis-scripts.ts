import { createHash } from 'node:crypto';

export interface RedisScript {
  readonly source: string;
  readonly sha1: string;
}

function script(source: string): RedisScript {
  return { source, sha1: createHash('sha1').update(source).digest('hex') };
}

/**
 * Each script returns the clock of Redis (`TIME`, in s and µs), or 0 if the user may not read it. The processes of a ledger
 * measure times by this clock.
 */
const time = `local time = redis.pcall('TIME')
local s, us = time[1] or '0', time[2] or '0'`;

/**
 * Each script gets the number of its command as the last argument, and returns it with the result. The number shows that
 * the reply belongs to the command. A client library that confuses replies would otherwise deliver the null of another
 * claim, and the ledger would execute an operation twice.
 */

/**
 * Stores the entry if it is absent. Without allow-oom, since at maxmemory nothing new may be claimed.
 *
 * KEYS[1]  the entry
 * ARGV[1]  the bytes to put there
 * ARGV[2]  time to live in ms, '0' for no expiry
 * ARGV[3]  the number of the command
 * returns  the number; the present bytes, or null if the entry was stored; the time
 */
export const putIfAbsentScript = script(`#!lua
${time}
if ARGV[2] == '0' then return {ARGV[3], redis.call('SET', KEYS[1], ARGV[1], 'NX', 'GET'), s, us} end
return {ARGV[3], redis.call('SET', KEYS[1], ARGV[1], 'NX', 'GET', 'PX', ARGV[2]), s, us}`);

/**
 * Reads the entry.
 *
 * KEYS[1]  the entry
 * ARGV[1]  the number of the command
 * returns  the number; the bytes, or null if the entry is absent; the time
 */
export const readScript = script(`#!lua flags=no-writes,allow-oom
${time}
return {ARGV[1], redis.call('GET', KEYS[1]), s, us}`);

/**
 * Replaces the entry if it has exactly the expected bytes, and publishes to its watchers.
 *
 * KEYS[1]  the entry
 * ARGV[1]  the bytes expected there
 * ARGV[2]  the bytes to put there
 * ARGV[3]  time to live in ms, '0' for no expiry
 * ARGV[4]  the channel to publish to, '' for none
 * ARGV[5]  the number of the command
 * returns  the number; 1 if replaced, 0 if the entry is absent or has other bytes; the time
 *
 * allow-oom: a settle or renewal must also work at maxmemory. The script uses one key, so that a cluster accepts it.
 */
export const compareAndSetScript = script(`#!lua flags=allow-oom
${time}
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {ARGV[5], 0, s, us} end
if ARGV[3] == '0' then redis.call('SET', KEYS[1], ARGV[2])
else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
if ARGV[4] ~= '' then redis.call('PUBLISH', ARGV[4], '') end
return {ARGV[5], 1, s, us}`);

/**
 * Deletes the entry if it has exactly these bytes.
 *
 * KEYS[1]  the entry
 * ARGV[1]  the bytes expected there
 * ARGV[2]  the number of the command
 * returns  the number; 1 if deleted, 0 if the entry is absent or has other bytes; the time
 */
export const deleteScript = script(`#!lua flags=allow-oom
${time}
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {ARGV[2], 0, s, us} end
return {ARGV[2], redis.call('DEL', KEYS[1]), s, us}`);
