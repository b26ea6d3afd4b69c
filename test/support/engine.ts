import { randomUUID } from 'node:crypto';
import { BoundedMap } from '../../src/core/bounded-map.ts';
import { handleCall } from '../../src/core/call/handle-call.ts';
import { refusalMessage } from '../../src/core/call/messages.ts';
import type { InputRequiredOutcome, Outcome, RefusalOutcome, ResultOutcome } from '../../src/core/call/outcome.ts';
import type { EngineParts, EngineSettings, ToolCall } from '../../src/core/call/types.ts';
import { Unsettled } from '../../src/core/call/unsettled.ts';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { type EntryCodec, plainCodec } from '../../src/core/ledger/codec.ts';
import { Ledger } from '../../src/core/ledger/ledger.ts';
import { openMemoryStore } from '../../src/core/ledger/stores/memory.ts';
import type { Store } from '../../src/core/ledger/stores/store.ts';
import type { SessionMemory } from '../../src/core/recognition/session.ts';
import { type Catalog, createCatalog } from '../../src/core/tool/catalog.ts';
import { ClientPool } from '../../src/core/tool/client-pool.ts';
import type { Tool } from '../../src/core/tool/types.ts';

export interface EngineOptions {
  readonly tools: readonly Tool[];
  /** Replaces the default catalog, which never changes. */
  readonly catalog?: Catalog;
  readonly clock?: Clock;
  readonly store?: Store;
  readonly codec?: EntryCodec;
  readonly settings?: Partial<EngineSettings>;
  readonly leaseMs?: number;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly keysSince?: number;
  readonly log?: EngineParts['log'];
}

export interface CallOptions {
  readonly meta?: Record<string, unknown>;
  readonly hostKey?: unknown;
  readonly signal?: AbortSignal;
  readonly scope?: { readonly tenant: string; readonly subject: string };
  readonly onWait?: (waitedMs: number) => void;
  readonly questionChannel?: NonNullable<ToolCall['questionChannel']>;
  readonly input?: NonNullable<ToolCall['input']>;
  readonly session?: SessionMemory;
}

/** Creates the engine of one process. Several engines over one store stand for several processes. */
export function testEngine(options: EngineOptions) {
  const clock = options.clock ?? systemClock;
  const store = options.store ?? openMemoryStore({ now: () => clock.wallMs() });
  const closing = new AbortController();
  const ending = new AbortController();
  const settings = { leaseMs: options.leaseMs ?? 10_000, unresolvedRetentionMs: 30 * 86_400_000 };
  const codec = options.codec ?? plainCodec;
  const ledger = new Ledger({ store, codec, clock, randomId: randomUUID, settings });
  const engine: EngineParts = {
    catalog: options.catalog ?? createCatalog(options.tools),
    clients: new ClientPool(options.environment ?? {}),
    clock,
    settings: {
      waitMs: 45_000,
      maxRunMs: 600_000,
      recordRetentionMs: 7 * 86_400_000,
      resultBytesMax: 262_144,
      hostKeys: true,
      conversationScope: false,
      twinMs: 10_000,
      rewordedMs: 900_000,
      ...options.settings,
    },
    ledger: () => Promise.resolve(ledger),
    repeatSecret: () => Promise.resolve('a secret that only these tests have'),
    keysSince: () => Promise.resolve(options.keysSince ?? 0),
    randomId: randomUUID,
    firstSteps: new BoundedMap(100),
    log: options.log ?? { debug: () => {}, info: () => {}, warn: () => {} },
    running: new Set(),
    unsettled: new Unsettled(clock),
    closing: closing.signal,
    ending: ending.signal,
  };
  const call = (tool: string, args: unknown, how: CallOptions = {}): Promise<Outcome> =>
    handleCall(engine, {
      tool,
      arguments: args,
      scope: how.scope ?? { tenant: 'default', subject: 'local' },
      meta: how.meta ?? {},
      signal: how.signal ?? new AbortController().signal,
      ...('hostKey' in how ? { hostKey: how.hostKey } : {}),
      ...(how.onWait ? { onWait: how.onWait } : {}),
      ...(how.questionChannel ? { questionChannel: how.questionChannel } : {}),
      ...(how.input ? { input: how.input } : {}),
      ...(how.session ? { session: how.session } : {}),
    });
  const records = async () => {
    const found = [];
    for await (const { key } of store.scan()) {
      const held = await ledger.read(key);
      if (held) found.push(held.record);
    }
    return found;
  };
  return { engine, ledger, store, clock, call, records, close: closing, end: ending };
}

export function resultOf(answer: Outcome): ResultOutcome {
  if (answer.type !== 'result') throw new Error(`expected a result, got ${JSON.stringify(answer)}`);
  return answer;
}

/** Returns a refusal with its message, as a caller on this machine reads it. */
export function refusalOf(answer: Outcome): RefusalOutcome & { readonly message: string } {
  if (answer.type !== 'refusal') throw new Error(`expected a refusal, got ${JSON.stringify(answer)}`);
  return { ...answer, message: refusalMessage(answer) };
}

export function questionOf(answer: Outcome): InputRequiredOutcome {
  if (answer.type !== 'input_required') throw new Error(`expected a question, got ${JSON.stringify(answer)}`);
  return answer;
}
