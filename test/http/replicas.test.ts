import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EraClient, HttpProcess } from '../e2e/support/http.ts';
import type { Told } from '../e2e/support/server.ts';
import { paymentOf, unique, useStage } from '../e2e/support/stage.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { isSoak } from '../support/soak.ts';

const stage = useStage({ config: { lease: '2s', wait: '20s' } });

const operations = 48;
const atOnce = 12;
/** How often one caller sends its call. */
const triesMax = 1_000;
/** What a caller is told that has to ask again. */
const askAgain = new Set(['idempotency_in_flight', 'outcome_unknown', 'ledger_unavailable']);

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis({ appendonly: true });
});
afterAll(() => redis.stop());

/** Three replicas behind a balancer that knows nothing: a call goes to any, and to another one when it fails. */
class Replicas {
  readonly #guarded: boolean;
  readonly #running: { process: HttpProcess; client: EraClient }[] = [];
  #turn = 0;

  constructor(guarded: boolean) {
    this.#guarded = guarded;
  }

  async start(): Promise<void> {
    for (let count = 0; count < 3; count += 1) this.#running.push(await this.#one());
  }

  /** Sends a call until it has an outcome, as a client of 2026-07-28 has to. */
  async call(args: Readonly<Record<string, unknown>>): Promise<Told> {
    for (let tries = 0; tries < triesMax; tries += 1) {
      this.#turn += 1;
      const { client } = this.#running[this.#turn % this.#running.length] ?? {};
      const told = await client?.call('create_payment', args).catch(() => undefined);
      if (told && !askAgain.has(told.words)) return told;
    }
    throw new Error(`no outcome after ${triesMax} tries`);
  }

  /** SIGKILL of one, and another one in its place. */
  async replace(index: number): Promise<void> {
    await this.#running[index]?.process.kill();
    this.#running[index] = await this.#one();
  }

  async #one() {
    const env = { MCP_ONCE_STORE: redis.url, MCP_ONCE_SUBJECT: 'e2e' };
    const process = await stage.http({ guarded: this.#guarded, env });
    return { process, client: await process.client('2026') };
  }
}

/** All operations under load, while each replica in turn is killed. What each caller was told, by description. */
async function underFire(guarded: boolean): Promise<Map<string, Told>> {
  const replicas = new Replicas(guarded);
  await replicas.start();
  const payments = '/v1/payment_intents';
  // So that at each kill some have taken effect and not been answered.
  await stage.sandbox.fault({
    fault: 'delay',
    ms: 200,
    when: 'after_effect',
    match: { method: 'POST', path: payments, count: 1_000 },
  });
  const waiting = Array.from({ length: operations }, () => unique('under fire'));
  const told = new Map<string, Told>();
  // One at a time: the next dies when the last one has been replaced, and each has a call that has just taken effect.
  let kills = 0;
  let killing = Promise.resolve();
  const over = new AbortController();
  const isOver = once(over.signal, 'abort');
  const killNext = async (): Promise<void> => {
    const since = await stage.sandbox.newest();
    await Promise.race([stage.sandbox.arrival(payments, since, 3), isOver]);
    await replicas.replace(kills++);
  };
  const work = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      told.set(next, await replicas.call(paymentOf(next)));
      const quarter = told.size / (operations / 4);
      if (!Number.isInteger(quarter) || quarter === 4) continue;
      killing = killing.then(killNext);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  over.abort();
  await killing;
  expect(kills).toBe(3);
  return told;
}

const paymentsOf = (description: string) => stage.sandbox.described('payment_intents', description);

describe('three replicas on one Redis, killed one after another under load', () => {
  test('execute each operation once and return its outcome to the caller', async () => {
    const told = await underFire(true);
    expect(told.size).toBe(operations);
    for (const [description, { words, result }] of told) {
      expect(['executed', 'replayed', 'recovered (resend)']).toContain(words);
      expect(await paymentsOf(description)).toEqual([result.id]);
    }
  });

  test.runIf(isSoak)('execute some operations twice without the ledger (control)', async () => {
    const told = await underFire(false);
    const effects = await Promise.all([...told.keys()].map(paymentsOf));
    expect(effects.filter((each) => each.length > 1).length).toBeGreaterThan(0);
  });
});
