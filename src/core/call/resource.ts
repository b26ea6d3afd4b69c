import { resourceKeysOf } from '../key/derive-key.ts';
import type { Claim } from '../ledger/claim.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { OperationRecord } from '../ledger/record.ts';
import type { Tool } from '../tool/types.ts';

/**
 * A resource has its latest write in two places: the record of `latest` calls, whose key is the
 * resource, and a latch for the writes that go under other keys (a host's key, a call id).
 */
function keysOf(tool: Tool, record: OperationRecord) {
  const resource = tool.resource?.(structuredClone(record.arguments));
  const { scope, upstream } = record;
  return resource === undefined ? undefined : resourceKeysOf({ scope, upstream, resource });
}

/** Notes a write that goes under another key than its resource, so that an older one is not run after it. */
export async function noteWrite(ledger: Ledger, tool: Tool, claim: Claim): Promise<void> {
  const { record } = claim;
  const keys = record.source === 'latest' ? undefined : keysOf(tool, record);
  if (keys) await ledger.takeLatch(keys.latch, claim, () => true);
}

/**
 * Whether the resource may have been written by another operation after this one. Which of two came first
 * is not told by their times, since those are of different machines: another one in the latch, or beside
 * it, counts as later.
 */
export async function laterWriteExists(ledger: Ledger, tool: Tool, record: OperationRecord): Promise<boolean> {
  const keys = keysOf(tool, record);
  if (!keys) return false;
  const latch = await ledger.readLatch(keys.latch);
  if (latch !== undefined && latch.holder !== record.key) return true;
  return record.source !== 'latest' && (await ledger.read(keys.record)) !== undefined;
}
