import { formOf } from '../../key/arguments.ts';
import { resourceKeysOf } from '../../key/derive-key.ts';
import { foldIdentity } from '../../key/fold-identity.ts';
import type { Claim } from '../../ledger/claim.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { OperationRecord } from '../../ledger/record.ts';
import type { Tool } from '../../tool/types.ts';

/**
 * Derives the two keys of a resource. The record key is the key of `latest` calls. The latch key belongs to writes that
 * have another key (a host's key or a call id).
 */
function keysOf(tool: Tool, record: OperationRecord) {
  const resource = tool.resource?.(structuredClone(formOf(record.arguments, tool.input)));
  const { scope, upstream } = record;
  return resource === undefined ? undefined : resourceKeysOf({ scope, upstream, resource: foldIdentity(resource) });
}

/** Registers a write whose key is not its resource, so that an older write does not run after it. */
export async function registerWrite(ledger: Ledger, tool: Tool, claim: Claim): Promise<void> {
  const { record } = claim;
  const keys = record.source === 'latest' ? undefined : keysOf(tool, record);
  if (keys) await ledger.takeLatch(keys.latch, claim, () => true);
}

/**
 * Returns true when another operation may have written the resource after this one. Times cannot order two operations,
 * because they may come from different machines. So any other operation in or beside the latch counts as later.
 */
export async function laterWriteExists(ledger: Ledger, tool: Tool, record: OperationRecord): Promise<boolean> {
  const keys = keysOf(tool, record);
  if (!keys) return false;
  const latch = await ledger.readLatch(keys.latch);
  if (latch !== undefined && latch.holder !== record.key) return true;
  return record.source !== 'latest' && (await ledger.read(keys.record)) !== undefined;
}
