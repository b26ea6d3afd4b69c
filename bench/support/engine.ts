import { createSecretKey, randomBytes, randomUUID } from 'node:crypto';
import { defaults } from '../../src/config/defaults.ts';
import { BoundedMap } from '../../src/core/bounded-map.ts';
import { handleCall } from '../../src/core/call/handle-call.ts';
import type { Outcome } from '../../src/core/call/outcome.ts';
import { prepare } from '../../src/core/call/prepare.ts';
import type { EngineParts, ToolCall } from '../../src/core/call/types.ts';
import { Unsettled } from '../../src/core/call/unsettled.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Claim } from '../../src/core/ledger/claim.ts';
import { codecFor, plainCodec } from '../../src/core/ledger/codec.ts';
import { Ledger } from '../../src/core/ledger/ledger.ts';
import type { ClaimRequest } from '../../src/core/ledger/new-record.ts';
import type { Store } from '../../src/core/ledger/stores/store.ts';
import { createCatalog } from '../../src/core/tool/catalog.ts';
import { ClientPool } from '../../src/core/tool/client-pool.ts';
import type { Tool } from '../../src/core/tool/types.ts';
import { createOrder } from '../tools/create-order.ts';
import { orderArguments, orderResult } from './orders.ts';

const settings = { leaseMs: defaults.lease, unresolvedRetentionMs: defaults.unresolvedRetention };

/** Returns a ledger whose records are encrypted with a new key. */
export function sealedLedgerOver(store: Store): Ledger {
  return ledgerOver(store, codecFor([{ id: 'bench', secret: createSecretKey(randomBytes(32)) }]));
}

export function ledgerOver(store: Store, codec = plainCodec): Ledger {
  return new Ledger({ store, codec, clock: systemClock, randomId: randomUUID, settings });
}

/** Returns an engine like a server's, with default settings. */
export function engineOver(ledger: Ledger, tool: Tool = createOrder): EngineParts {
  const { wait: waitMs, maxRun: maxRunMs, resultBytesMax, hostKeys, conversationScope } = defaults;
  return {
    catalog: createCatalog([tool]),
    clients: new ClientPool({}),
    clock: systemClock,
    settings: {
      waitMs,
      maxRunMs,
      recordRetentionMs: defaults.recordRetention,
      resultBytesMax,
      hostKeys,
      conversationScope,
      twinMs: defaults.twinWindow,
      rewordedMs: defaults.rewordedWindow,
    },
    ledger: () => Promise.resolve(ledger),
    repeatSecret: () => Promise.resolve('a benchmark secret with more than thirty-two characters'),
    keysSince: () => Promise.resolve(0),
    randomId: randomUUID,
    firstSteps: new BoundedMap(100),
    log: { debug: () => {}, info: () => {}, warn: () => {} },
    running: new Set(),
    unsettled: new Unsettled(systemClock),
    closing: new AbortController().signal,
    ending: new AbortController().signal,
  };
}

export function orderCall(args: unknown = orderArguments()): ToolCall {
  const scope = { tenant: defaults.tenant, subject: defaults.subject };
  return { tool: createOrder.name, arguments: args, scope, meta: {}, signal: new AbortController().signal };
}

/** Runs one call through the engine. @throws Error for an unexpected outcome. */
export async function callOrder(
  engine: EngineParts,
  args: unknown,
  expected: 'executed' | 'replayed',
): Promise<Outcome> {
  const answer = await handleCall(engine, orderCall(args));
  if (answer.type !== 'result') throw new Error(`not ${expected}: ${JSON.stringify(answer)}`);
  if (answer.replayed !== (expected === 'replayed')) throw new Error(`not ${expected}`);
  return answer;
}

/** Returns claim requests for such a call: prepared once by the engine, each with a new key. */
export async function orderRequests(ledger: Ledger): Promise<() => ClaimRequest> {
  const prepared = await prepare(engineOver(ledger), orderCall());
  if (prepared.type !== 'guarded') throw new Error(`the call is ${prepared.type}`);
  const { request } = prepared.guarded;
  return () => ({ ...request, key: randomUUID() });
}

export async function claimed(ledger: Ledger, request: ClaimRequest): Promise<Claim> {
  const answer = await ledger.claim(request);
  if (answer.type !== 'claimed') throw new Error(`the claim is answered ${answer.type}`);
  return answer.claim;
}

async function settled(claim: Claim): Promise<void> {
  const status = { state: 'succeeded', settledAt: Date.now(), result: orderResult } as const;
  if (!(await claim.settle(status, [], false))) throw new Error('the claim was lost');
}

export async function claimAndSettle(ledger: Ledger, request: ClaimRequest): Promise<void> {
  await settled(await claimed(ledger, request));
}

export async function replay(ledger: Ledger, request: ClaimRequest): Promise<void> {
  const answer = await ledger.claim(request);
  if (answer.type !== 'replay') throw new Error(`the claim is answered ${answer.type}`);
}

/** Returns the bytes that claim and settle write into the store: the payload of the bare sides. */
export async function recordBytes(ledger: Ledger, request: ClaimRequest) {
  const claim = await claimed(ledger, request);
  const first = await ledger.store.get(request.key);
  await settled(claim);
  const second = await ledger.store.get(request.key);
  if (first === undefined || second === undefined) throw new Error('the record is missing');
  return { claimed: first, settled: second };
}
