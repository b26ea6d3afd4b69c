import { defaults } from '../config/defaults.ts';
import { refusalMessage } from '../core/call/messages.ts';
import type { Outcome } from '../core/call/outcome.ts';
import { type Duration, parseDuration } from '../core/duration.ts';
import { createEngine, type Engine, openLedger } from '../core/engine.ts';
import { McpOnceError } from '../core/errors.ts';
import { defined } from '../core/json.ts';
import { openMemoryStore } from '../core/ledger/stores/memory.ts';
import { createCatalog } from '../core/tool/catalog.ts';
import { ClientPool } from '../core/tool/client-pool.ts';
import { applyRules } from '../core/tool/load.ts';
import type { Tool } from '../core/tool/types.ts';
import { mortalStore } from './mortal-store.ts';
import {
  ScriptedUpstream,
  type UpstreamAnswer,
  type UpstreamFault,
  type UpstreamRequest,
} from './scripted-upstream.ts';
import { ShiftedClock } from './test-clock.ts';

/** How a tool is tested. */
export interface TestToolOptions {
  /** Returns the variables of the tool's client. @example (url) => ({ SHOP_URL: url, SHOP_TOKEN: 'test' }) */
  readonly env?: (url: string) => Readonly<Record<string, string>>;
  /** Returns the JSON that the upstream answers. @defaultValue `{ id: '1' }` for the first effect, `'2'` for the second */
  readonly answer?: UpstreamAnswer;
  /** The header in which the upstream takes idempotency keys. @defaultValue the upstream knows no keys */
  readonly keyHeader?: string;
  /** False turns the guard off: the control, in which the same test has to fail. @defaultValue true */
  readonly guarded?: boolean;
}

/** What a caller learns. `code` is `succeeded`, or the code of the refusal. */
export interface TestOutcome {
  readonly code: string;
  readonly result?: unknown;
  /** True when nothing was executed for this call and the result is the stored one. */
  readonly replayed: boolean;
  /** The recovery that found out an unknown outcome. */
  readonly recovered?: string;
  /** The sentence that the model reads, of a refusal. */
  readonly message?: string;
  readonly retryAfterMs?: number;
  readonly repeatToken?: string;
}

/** A tool under test: a guarded one, servers that serve it, and a scripted upstream. */
export interface ToolTest {
  /** The address of the upstream. */
  readonly url: string;
  /** Every request that the upstream has received. */
  readonly requests: readonly UpstreamRequest[];
  /** The requests that took effect there. */
  readonly effects: readonly UpstreamRequest[];
  /** Lets the next requests that may have an effect fail, one after another. */
  next(...faults: UpstreamFault[]): void;
  call(input: object): Promise<TestOutcome>;
  /** Makes the same call through two servers at the same time. */
  twiceAtOnce(input: object): Promise<readonly [TestOutcome, TestOutcome]>;
  /**
   * Makes a call whose server is killed while the upstream has its request, then the same call through another server.
   * @param acts whether the request takes effect. @defaultValue true
   */
  killed(input: object, acts?: boolean): Promise<TestOutcome>;
  /** Lets time pass, such as `'25h'`, without waiting. */
  pass(time: Duration): void;
  close(): Promise<void>;
}

/** One simulated server process. */
interface TestServer {
  readonly engine: Engine;
  kill(): void;
}

/** How far the clock moves at once while a call waits for a dead server's lease, and how often, in ms. */
const stepMs = 500;
const stepEveryMs = 5;

/**
 * Serves a tool to a test, in front of an HTTP server on this machine. Close it at the end of the test.
 *
 * @example
 * const test = await testTool(addVisit, { env: (url) => ({ COUNTER_URL: url }) });
 * test.next('answer_lost');
 * await test.call({ person: 'ada' });
 * await test.call({ person: 'ada' });
 * assert.equal(test.effects.length, 1);
 * await test.close();
 * @throws McpOnceError `tool_invalid` for something that `defineTool` did not make
 */
export async function testTool(tool: Tool, options: TestToolOptions = {}): Promise<ToolTest> {
  const { env = () => ({}), answer = (_, count) => ({ id: String(count) }), keyHeader, guarded = true } = options;
  if (typeof tool?.run !== 'function' || typeof tool.name !== 'string') {
    throw new McpOnceError(
      'tool_invalid',
      'testTool needs a tool that defineTool made. Pass it as the first argument.',
    );
  }
  const { tools } = applyRules([tool], guarded ? {} : { [tool.name]: { class: 'off' } });
  const upstream = new ScriptedUpstream(answer, keyHeader);
  await upstream.listen();
  const clock = new ShiftedClock();
  const shared = openMemoryStore({ now: () => clock.wallMs() });
  const environment = env(upstream.url);
  const servers: TestServer[] = [];
  const start = (): TestServer => {
    const { store, die } = mortalStore(shared);
    const { lease: leaseMs, unresolvedRetention: unresolvedRetentionMs, ...same } = defaults;
    const engine = createEngine({
      catalog: createCatalog(tools),
      clients: new ClientPool(environment),
      settings: {
        waitMs: same.wait,
        maxRunMs: same.maxRun,
        recordRetentionMs: same.recordRetention,
        resultBytesMax: same.resultBytesMax,
        hostKeys: same.hostKeys,
        conversationScope: same.conversationScope,
        twinMs: same.twinWindow,
        rewordedMs: same.rewordedWindow,
        operator: 'memory',
      },
      ledger: () => openLedger({ store: async () => store, leaseMs, unresolvedRetentionMs, encryptionKeys: [], clock }),
      clock,
    });
    const server = { engine, kill: die };
    servers.push(server);
    return server;
  };
  let current = start();
  const callThrough = async ({ engine }: TestServer, input: object): Promise<TestOutcome> => {
    const scope = { tenant: defaults.tenant, subject: defaults.subject };
    const { signal } = new AbortController();
    return outcomeOf(await engine.handle({ tool: tool.name, arguments: input, scope, meta: {}, signal }));
  };
  return {
    get url() {
      return upstream.url;
    },
    requests: upstream.requests,
    effects: upstream.effects,
    next: (...faults) => upstream.next(...faults),
    call: (input) => callThrough(current, input),
    twiceAtOnce: (input) => Promise.all([callThrough(current, input), callThrough(start(), input)]),
    killed: async (input, acts = true) => {
      const [dead, next] = [current, start()];
      current = next;
      const arrived = new Promise<void>((resolve) => upstream.next({ acts, arrived: resolve }));
      const lost = callThrough(dead, input);
      lost.catch(() => undefined);
      // A call that fails before it sends something has nothing to recover.
      const early = await Promise.race([arrived, lost]);
      if (early !== undefined) return early;
      dead.kill();
      return whileTimePasses(clock, callThrough(next, input));
    },
    pass: (time) => {
      const ms = parseDuration(time);
      if (ms === undefined) throw new McpOnceError('invalid_input', 'pass() takes ms, or a text such as "25h".');
      clock.pass(ms);
    },
    close: async () => {
      await upstream.close();
      for (const { kill } of servers) kill();
      await Promise.race([
        Promise.allSettled(servers.map(({ engine }) => engine.close())),
        new Promise((resolve) => setTimeout(resolve, closeMs)),
      ]);
      await shared.close();
    },
  };
}

/** How long servers may take to close, in ms. Those that were killed never do. */
const closeMs = 100;

/** Moves the clock until a call has its outcome: it waits for the lease of a dead server. */
async function whileTimePasses<T>(clock: ShiftedClock, work: Promise<T>): Promise<T> {
  const timer = setInterval(() => clock.pass(stepMs), stepEveryMs);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}

function outcomeOf(outcome: Outcome): TestOutcome {
  switch (outcome.type) {
    case 'result': {
      const { result, replayed, recovered, repeatToken } = outcome;
      return { code: 'succeeded', result: structuredClone(result), replayed, ...defined({ recovered, repeatToken }) };
    }
    case 'refusal': {
      const { code, retryAfterMs, repeatToken } = outcome;
      return { code, replayed: false, message: refusalMessage(outcome), ...defined({ retryAfterMs, repeatToken }) };
    }
    case 'input_required':
      return { code: 'input_required', replayed: false };
  }
}
