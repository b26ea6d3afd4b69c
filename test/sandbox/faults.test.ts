import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import Stripe from 'stripe';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { FaultRule, Sandbox, SandboxOptions } from '../../sandbox/start.ts';
import { SqliteConnection } from '../../src/core/ledger/stores/sqlite-driver.ts';
import { control as controlOf, effectsOf, failureOf, openStage, type Stage, sdkFor, send } from './harness.ts';

let stage: Stage;
/** The default sandbox of the helpers. */
let sandbox: Sandbox;
let stripe: Stripe;
const hour = 3_600_000;

beforeEach(async () => {
  stage = await openStage();
  ({ sandbox, stripe } = stage);
});

afterEach(() => stage.close());

describe('idempotency', () => {
  test('replays status and body for the same key, byte for byte, and says so', async () => {
    const first = await post('/v1/customers', 'name=Ada&metadata[a]=1', 'k');
    const second = await post('/v1/customers', 'metadata[a]=1&name=Ada', 'k');
    expect(first.headers.get('idempotent-replayed')).toBeNull();
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect(second.headers.get('original-request')).toBe(first.headers.get('request-id'));
    expect(second.headers.get('request-id')).not.toBe(first.headers.get('request-id'));
    expect(second.headers.get('idempotency-key')).toBe('k');
    expect(await second.text()).toBe(await first.text());
    expect(await count('customer.created')).toBe(1);
    expect(await requests()).toMatchObject([
      {
        method: 'POST',
        path: '/v1/customers',
        idempotency_key: 'k',
        outcome: 'answered',
        status: 200,
        replayed: false,
      },
      { idempotency_key: 'k', outcome: 'answered', status: 200, replayed: true },
    ]);
  });

  test('treats other keys, and no key, as other requests', async () => {
    await post('/v1/customers', 'name=Ada', 'k1');
    await post('/v1/customers', 'name=Ada', 'k2');
    await post('/v1/customers', 'name=Ada');
    expect(await count('customer.created')).toBe(3);
  });

  test('answers 400 idempotency_error for the same key with other parameters or another endpoint', async () => {
    const created = await stripe.customers.create({ name: 'Ada' }, { idempotencyKey: 'k' });
    const otherParams = await failureOf(stripe.customers.create({ name: 'Bob' }, { idempotencyKey: 'k' }));
    expect(otherParams).toBeInstanceOf(Stripe.errors.StripeIdempotencyError);
    expect(otherParams).toMatchObject({ statusCode: 400, rawType: 'idempotency_error' });
    const otherPath = stripe.customers.update(created.id, { name: 'Ada' }, { idempotencyKey: 'k' });
    expect(await failureOf(otherPath)).toMatchObject({ statusCode: 400, rawType: 'idempotency_error' });
    expect(await count('customer.updated')).toBe(0);
    expect((await post('/v1/customers', 'name=Ada', 'k')).status).toBe(200);
  });

  test('answers 409 while a key is in use, and replays afterwards', async () => {
    await fault({ fault: 'hang' });
    const first = stripe.customers.create({ name: 'Ada' }, { idempotencyKey: 'k' });
    await arrived('/v1/customers', 1);
    const second = await failureOf(stripe.customers.create({ name: 'Ada' }, { idempotencyKey: 'k' }));
    expect(second).toMatchObject({ statusCode: 409, code: 'idempotency_key_in_use', rawType: 'idempotency_error' });
    const mismatch = await failureOf(stripe.customers.create({ name: 'Bob' }, { idempotencyKey: 'k' }));
    expect(mismatch).toMatchObject({ statusCode: 400, rawType: 'idempotency_error' });
    expect(await control('POST', 'release')).toEqual({ released: 1 });
    const { id } = await first;
    expect((await stripe.customers.create({ name: 'Ada' }, { idempotencyKey: 'k' })).id).toBe(id);
    expect(await count('customer.created')).toBe(1);
  });

  test('does not save what fails validation, so that the key is free for the corrected request', async () => {
    expect((await post('/v1/customers', 'email=nonsense', 'k')).status).toBe(400);
    expect((await post('/v1/customers', 'email=ada@example.com', 'k')).status).toBe(200);
    const fault404 = await post('/v1/nonsense', 'a=b', 'k404');
    expect(fault404.status).toBe(404);
    expect((await post('/v1/customers', 'a=b', 'k404')).status).toBe(400);
  });

  test('saves a refusal by the running endpoint, and a declined card', async () => {
    const { id: customer } = await stripe.customers.create({ email: 'a@example.com' });
    const invoice = await stripe.invoices.create({ customer });
    const path = `/v1/invoices/${invoice.id}/void`;
    expect((await post(path, '', 'k')).status).toBe(400);
    await stripe.invoiceItems.create({ customer, invoice: invoice.id, amount: 5 });
    await stripe.invoices.finalizeInvoice(invoice.id);
    const replay = await post(path, '', 'k');
    expect([replay.status, replay.headers.get('idempotent-replayed')]).toEqual([400, 'true']);
    expect((await stripe.invoices.voidInvoice(invoice.id)).status).toBe('void');

    const charge =
      'amount=5&currency=usd&confirm=true&payment_method=pm_card_chargeDeclined&payment_method_types[]=card';
    const declined = await post('/v1/payment_intents', charge, 'card');
    const again = await post('/v1/payment_intents', charge, 'card');
    expect([declined.status, again.status]).toEqual([402, 402]);
    expect(await again.text()).toBe(await declined.text());
    expect(await count('charge.failed')).toBe(1);
  });

  test('saves nothing for 401 and 429', async () => {
    await fault({ fault: 'unauthorized' });
    await fault({ fault: 'rate_limit' });
    const create = () => stripe.customers.create({ name: 'Ada' }, { idempotencyKey: 'k' });
    expect(await failureOf(create())).toBeInstanceOf(Stripe.errors.StripeAuthenticationError);
    expect(await failureOf(create())).toBeInstanceOf(Stripe.errors.StripeRateLimitError);
    expect((await create()).name).toBe('Ada');
    expect(await count('customer.created')).toBe(1);
  });

  test('forgets keys after 24 hours by the clock of the sandbox, and not before', async () => {
    await post('/v1/customers', 'name=Ada', 'k');
    await control('POST', 'clock', { advanceMs: 24 * hour - 60_000 });
    expect((await post('/v1/customers', 'name=Ada', 'k')).headers.get('idempotent-replayed')).toBe('true');
    await control('POST', 'clock', { advanceMs: 60_000 });
    const later = await post('/v1/customers', 'name=Bob', 'k');
    expect([later.status, later.headers.get('idempotent-replayed')]).toEqual([200, null]);
    expect(await count('customer.created')).toBe(2);
    const created = (await stripe.customers.list()).data.map((one) => one.created);
    expect((created[0] ?? 0) - (created[1] ?? 0)).toBeGreaterThanOrEqual(24 * 3_600);
  });

  test('refuses keys over 255 characters and empty keys', async () => {
    for (const key of ['', 'k'.repeat(256)]) {
      expect((await post('/v1/customers', 'name=Ada', key)).status).toBe(400);
    }
    expect((await post('/v1/customers', 'name=Ada', 'k'.repeat(255))).status).toBe(200);
    expect(await count('customer.created')).toBe(1);
  });

  test('does not apply to reads', async () => {
    const list = () => send(sandbox, 'GET', '/v1/customers', undefined, { 'idempotency-key': 'k' });
    expect((await (await list()).json()) as object).toMatchObject({ data: [] });
    const { id } = await stripe.customers.create({});
    expect((await (await list()).json()) as object).toMatchObject({ data: [{ id }] });
  });

  test('keeps the keys of two accounts apart', async () => {
    const mine = await stripe.customers.create({ name: 'Ada' }, { idempotencyKey: 'k' });
    const theirs = await sdkFor(sandbox, 'sk_test_other').customers.create({ name: 'Bob' }, { idempotencyKey: 'k' });
    expect(theirs.id).not.toBe(mine.id);
  });

  test('executes one of 50 concurrent requests with one key', async () => {
    const results = await Promise.all(
      Array.from({ length: 50 }, () => stripe.customers.create({ name: 'Ada' }, { idempotencyKey: 'k' })),
    );
    expect(new Set(results.map((one) => one.id)).size).toBe(1);
    expect(await count('customer.created')).toBe(1);
  });
});

describe('faults', () => {
  test('drop_answer executes, loses the answer, and replays it to the repeat', async () => {
    // The SDK repeats a closed connection once even with maxNetworkRetries: 0, hence twice.
    await fault({ fault: 'drop_answer', match: { method: 'POST', path: '^/v1/customers$', count: 2 } });
    const lost = await failureOf(stripe.customers.create({ name: 'Ada' }, { idempotencyKey: 'k' }));
    expect(lost).toBeInstanceOf(Stripe.errors.StripeConnectionError);
    expect(await count('customer.created')).toBe(1);
    expect((await stripe.customers.create({ name: 'Ada' }, { idempotencyKey: 'k' })).name).toBe('Ada');
    expect(await count('customer.created')).toBe(1);
    expect((await requests()).map((one) => [one.outcome, one.fault])).toEqual([
      ['dropped', 'drop_answer'],
      ['dropped', 'drop_answer'],
      ['answered', null],
    ]);
  });

  test('drop_answer within the body is not repeated by the SDK', async () => {
    await fault({ fault: 'drop_answer', cut: 'in_body' });
    const lost = await failureOf(stripe.customers.create({ name: 'Ada' }));
    expect(lost).toBeInstanceOf(Stripe.errors.StripeConnectionError);
    expect(await requests()).toHaveLength(1);
    expect(await count('customer.created')).toBe(1);
  });

  test('drop_answer within the body of a refusal lets its status through', async () => {
    await fault({ fault: 'drop_answer', cut: 'in_body' });
    const charge = 'amount=5&currency=usd&confirm=true&payment_method=pm_card_chargeDeclined';
    const declined = await post('/v1/payment_intents', `${charge}&payment_method_types[]=card`);
    expect([declined.status, declined.headers.get('request-id')]).toEqual([402, expect.stringMatching(/^req_/)]);
    await expect(declined.text()).rejects.toThrow();
    expect(await count('charge.failed')).toBe(1);
  });

  test('refuse closes the connection without an effect', async () => {
    await fault({ fault: 'refuse', match: { count: 2 } });
    const lost = await failureOf(stripe.customers.create({ name: 'Ada' }, { idempotencyKey: 'k' }));
    expect(lost).toBeInstanceOf(Stripe.errors.StripeConnectionError);
    expect(await count('customer.created')).toBe(0);
    await stripe.customers.create({ name: 'Bob' }, { idempotencyKey: 'k' });
  });

  test('error_after_effect executes, and saves and replays a 500', async () => {
    await fault({ fault: 'error_after_effect' });
    const first = await failureOf(stripe.customers.create({ name: 'Ada' }, { idempotencyKey: 'k' }));
    expect(first).toMatchObject({ statusCode: 500, rawType: 'api_error' });
    const second = await post('/v1/customers', 'name=Ada', 'k');
    expect([second.status, second.headers.get('idempotent-replayed')]).toEqual([500, 'true']);
    expect(second.headers.get('stripe-should-retry')).toBe('false');
    expect(await count('customer.created')).toBe(1);
  });

  test('error_before_effect saves a 500 without an effect, and does not save a 503', async () => {
    await fault({ fault: 'error_before_effect', match: { method: 'POST' } });
    await fault({ fault: 'error_before_effect', status: 503, match: { method: 'POST', nth: 3 } });
    const statuses: number[] = [];
    for (const key of ['a', 'a', 'b', 'b']) statuses.push((await post('/v1/customers', 'name=Ada', key)).status);
    expect(statuses).toEqual([500, 500, 503, 200]);
    expect(await count('customer.created')).toBe(1);
  });

  test('delay and hang can come before the effect or after it', async () => {
    await fault({ fault: 'delay', ms: 60, when: 'before_effect' });
    const startMs = performance.now();
    await stripe.customers.create({ name: 'Ada' });
    expect(performance.now() - startMs).toBeGreaterThan(50);
    await fault({ fault: 'hang', when: 'after_effect' });
    const waiting = stripe.customers.create({ name: 'Bob' }, { idempotencyKey: 'k2' });
    await until(async () => ((await count('customer.created')) === 2 ? true : undefined));
    expect((await post('/v1/customers', 'name=Bob', 'k2')).headers.get('idempotent-replayed')).toBe('true');
    await control('POST', 'release');
    expect((await waiting).name).toBe('Bob');
    expect(await count('customer.created')).toBe(2);
  });

  test('hang finishes the request of a client that gave up', async () => {
    const id = await fault({ fault: 'hang' });
    const gaveUp = await failureOf(stripe.customers.create({ name: 'Ada' }, { idempotencyKey: 'k', timeout: 50 }));
    expect(gaveUp).toBeInstanceOf(Stripe.errors.StripeConnectionError);
    expect(await count('customer.created')).toBe(0);
    expect(await control('POST', 'release', { id })).toEqual({ released: 1 });
    const repeat = await until(async () => {
      const response = await post('/v1/customers', 'name=Ada', 'k');
      return response.status === 200 ? response : undefined;
    });
    expect(repeat.headers.get('idempotent-replayed')).toBe('true');
    expect(await count('customer.created')).toBe(1);
  });

  test('ignore_idempotency_keys executes twice for one key, as the control', async () => {
    await fault({ fault: 'ignore_idempotency_keys', match: { count: 2 } });
    for (let time = 0; time < 2; time += 1) await stripe.customers.create({ name: 'Ada' }, { idempotencyKey: 'k' });
    expect(await count('customer.created')).toBe(2);
  });

  test('strike the nth matching request, count times, first rule first', async () => {
    await fault({ fault: 'rate_limit', match: { method: 'POST', path: '/v1/customers', nth: 2, count: 2 } });
    const statuses: number[] = [];
    for (let time = 0; time < 4; time += 1) {
      await stripe.customers.list();
      statuses.push((await post('/v1/customers', 'name=Ada')).status);
    }
    expect(statuses).toEqual([200, 429, 429, 200]);
    const listed = (await control('GET', 'faults')) as { faults: object[] };
    expect(listed.faults).toMatchObject([{ rule: { fault: 'rate_limit' }, seen: 4, struck: 2, held: 0 }]);
    expect(await control('DELETE', 'faults')).toEqual({ cleared: true });
  });

  test('can be given at the start, and are refused where not allowed', async () => {
    const struck = await stage.open({ dataFile: ':memory:', faults: [{ fault: 'rate_limit' }] });
    expect(await failureOf(sdkFor(struck).customers.list())).toMatchObject({ statusCode: 429 });
    const strict = await stage.open({ dataFile: ':memory:', faults: false });
    for (const [path, body] of [
      ['faults', { fault: 'refuse' }],
      ['clock', { advanceMs: 1 }],
      ['release', {}],
    ] as const) {
      await expect(control('POST', path, body, strict)).rejects.toThrow('started without faults');
    }
    await expect(control('POST', 'faults', { fault: 'shoe' })).rejects.toThrow('400');
    await expect(control('POST', 'faults', { fault: 'refuse', match: { path: '^(' } })).rejects.toThrow('400');
    expect(await control('GET', 'health')).toMatchObject({
      status: 'ok',
      notice: expect.stringContaining('nothing real'),
    });
  });

  test('end when the sandbox closes: a hanging request has no effect and frees its key', async () => {
    await fault({ fault: 'hang' });
    const lost = failureOf(stripe.customers.create({ name: 'Ada' }, { idempotencyKey: 'k', timeout: 5_000 }));
    await arrived('/v1/customers', 1);
    const second = await stage.open();
    await sandbox.close();
    expect(await lost).toBeInstanceOf(Stripe.errors.StripeConnectionError);
    sandbox = second;
    expect(await count('customer.created')).toBe(0);
    expect((await post('/v1/customers', 'name=Bob', 'k')).status).toBe(200);
  });

  test('can be awaited for a bounded time, which reports what was counted', async () => {
    await expect(control('GET', 'await?path=/v1/customers&count=1&timeoutMs=20')).rejects.toThrow('0 of 1');
  });
});

describe('several sandboxes on one data file', () => {
  test('share objects, keys, clock and journal, and execute one key once', async () => {
    const other = await stage.open();
    const stripes = [stripe, sdkFor(other)];
    const results = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        stripes[index % 2]?.customers.create({ name: 'Ada' }, { idempotencyKey: 'k' }),
      ),
    );
    expect(new Set(results.map((one) => one?.id)).size).toBe(1);
    expect(await count('customer.created')).toBe(1);
    expect(await sdkFor(other).customers.retrieve(results[0]?.id ?? '')).toEqual(results[0]);
    await control('POST', 'clock', { advanceMs: hour }, other);
    const health = (await control('GET', 'health')) as { clockMs: number };
    expect(health.clockMs).toBeGreaterThan(Date.now() + hour - 60_000);
  });

  test('see a key that is in use in the other', async () => {
    const other = await stage.open();
    await fault({ fault: 'hang' });
    const first = stripe.customers.create({ name: 'Ada' }, { idempotencyKey: 'k' });
    await arrived('/v1/customers', 1, other);
    const second = sdkFor(other).customers.create({ name: 'Ada' }, { idempotencyKey: 'k' });
    expect(await failureOf(second)).toMatchObject({ statusCode: 409, code: 'idempotency_key_in_use' });
    await control('POST', 'release');
    expect((await sdkFor(other).customers.create({ name: 'Ada' }, { idempotencyKey: 'k' })).id).toBe((await first).id);
  });

  describe('in separate processes', () => {
    const root = fileURLToPath(new URL('../..', import.meta.url));
    /** Within node_modules, so that the compiled files find the packages. */
    const compiled = join(root, 'node_modules', '.cache', `sandbox-test-${process.pid}`);
    const children: ChildProcess[] = [];

    beforeAll(async () => {
      const options =
        '--rootDir . --target es2023 --module nodenext --types node --skipLibCheck --verbatimModuleSyntax --rewriteRelativeImportExtensions --ignoreConfig';
      const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
      const args = [tsc, 'sandbox/start.ts', '--outDir', compiled, ...options.split(' ')];
      await promisify(execFile)(process.execPath, args, { cwd: root });
    });

    afterEach(() => {
      for (const child of children.splice(0)) child.kill('SIGKILL');
    });

    afterAll(() => rm(compiled, { recursive: true, force: true }));

    test('load neither the database driver nor the SDK with the start file', async () => {
      // V8's coverage names every script that a process evaluated.
      const start = join(compiled, 'sandbox', 'start.js');
      await promisify(execFile)(process.execPath, [start], { env: { ...process.env, NODE_V8_COVERAGE: stage.folder } });
      const reports = (await readdir(stage.folder)).filter((name) => name.startsWith('coverage-'));
      const report = JSON.parse(await readFile(join(stage.folder, reports[0] ?? ''), 'utf8')) as {
        result: { url: string }[];
      };
      const loaded = report.result.map((script) => script.url).filter((url) => url.startsWith('file:'));
      expect(loaded.map((url) => url.split('/').at(-1))).toEqual(['start.js']);
    });

    test('free the key of a process that was killed in the middle of a request', async () => {
      const { child, stripe: theirs } = await spawnSandbox([{ fault: 'hang' }]);
      const lost = failureOf(theirs.customers.create({ name: 'Ada' }, { idempotencyKey: 'k' }));
      await arrived('/v1/customers', 1);
      // The journal has the request before its key is in use.
      await until(async () => (isInUse('k') ? true : undefined));
      expect((await post('/v1/customers', 'name=Ada', 'k')).status).toBe(409);
      child.kill('SIGKILL');
      await once(child, 'exit');
      const taken = await post('/v1/customers', 'name=Ada', 'k');
      expect([taken.status, taken.headers.get('idempotent-replayed')]).toEqual([200, null]);
      expect(await lost).toBeInstanceOf(Stripe.errors.StripeConnectionError);
      expect(await count('customer.created')).toBe(1);
    });

    test('replay in a process that was suspended past its lease and lost its key', async () => {
      const { child, url, stripe: theirs } = await spawnSandbox([{ fault: 'hang' }]);
      const first = theirs.customers.create({ name: 'Ada' }, { idempotencyKey: 'k' });
      await arrived('/v1/customers', 1);
      // With the key in use it writes nothing for a second. A process stopped in a write would lock the file.
      await until(async () => (isInUse('k') ? true : undefined));
      child.kill('SIGSTOP');
      const taken = await until(async () => {
        const response = await post('/v1/customers', 'name=Ada', 'k');
        return response.status === 200 ? response : undefined;
      });
      child.kill('SIGCONT');
      await control('POST', 'release', {}, { url });
      expect(((await taken.json()) as { id: string }).id).toBe((await first).id);
      expect(await count('customer.created')).toBe(1);
    });

    test('execute one of 60 concurrent requests with one key', async () => {
      const all = await Promise.all([spawnSandbox([]), spawnSandbox([]), spawnSandbox([])]);
      const results = await Promise.all(
        Array.from({ length: 60 }, (_, index) =>
          all[index % 3]?.stripe.customers.create({ name: 'Ada' }, { idempotencyKey: 'k' }),
        ),
      );
      expect(new Set(results.map((one) => one?.id)).size).toBe(1);
      expect(await count('customer.created')).toBe(1);
    });

    async function spawnSandbox(faults: FaultRule[]) {
      const script = `
        import { startSandbox } from ${JSON.stringify(join(compiled, 'sandbox', 'start.js'))};
        const options = JSON.parse(process.argv[1]);
        console.log((await startSandbox(options)).port);`;
      const options: SandboxOptions = { dataFile: stage.dataFile, faults };
      const child = spawn(process.execPath, ['--input-type=module', '-e', script, JSON.stringify(options)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.push(child);
      const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
      const port = Number(line);
      return { child, url: `http://127.0.0.1:${port}`, stripe: sdkFor({ port }) };
    }
  });
});

async function fault(rule: FaultRule): Promise<string> {
  return ((await control('POST', 'faults', rule)) as { id: string }).id;
}

function control(method: string, path: string, body?: object, one: { url: string } = sandbox): Promise<unknown> {
  return controlOf(one, method, path, body);
}

function arrived(path: string, times: number, one: { url: string } = sandbox): Promise<unknown> {
  return control('GET', `await?path=${path}&count=${times}`, undefined, one);
}

async function count(action: string): Promise<number> {
  return (await effectsOf(sandbox)).actions[action] ?? 0;
}

function isInUse(key: string): boolean {
  const database = new SqliteConnection(stage.dataFile, { readOnly: true });
  try {
    return database.prepare('SELECT 1 FROM idempotency WHERE key = ? AND owner IS NOT NULL').get(key) !== undefined;
  } finally {
    database.close();
  }
}

async function requests() {
  return (await effectsOf(sandbox)).requests;
}

function post(path: string, body: string, key?: string): Promise<Response> {
  return send(sandbox, 'POST', path, body, key === undefined ? {} : { 'idempotency-key': key });
}

/** Tries until there is a result, for at most ten seconds, without pauses. */
async function until<T>(attempt: () => Promise<T | undefined>): Promise<T> {
  const endMs = performance.now() + 10_000;
  while (performance.now() < endMs) {
    const result = await attempt();
    if (result !== undefined) return result;
  }
  throw new Error('It did not happen within ten seconds.');
}
