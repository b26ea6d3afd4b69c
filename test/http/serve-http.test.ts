import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { insecureWarning } from '../../src/http/access/check.ts';
import type { Era } from '../e2e/support/http.ts';
import { fetchCall } from '../e2e/support/http.ts';
import { paymentOf, unique, until, useStage } from '../e2e/support/stage.ts';
import { openSession, post, toolCall } from '../support/http-server.ts';
import { program } from '../support/program.ts';

const stage = useStage();
const eras: readonly Era[] = ['2025', '2026'];

const payments = (description: string) => stage.sandbox.described('payment_intents', description);

describe('clients of both revisions on one server', () => {
  /** What a client of each era heard that called the same at the same time. */
  const callAtOnce = async (guarded: boolean, description: string): Promise<string[]> => {
    const server = await stage.sharedHttp(guarded);
    const clients = await Promise.all(eras.map((era) => server.client(era)));
    const args = paymentOf(description);
    // Long enough that both are in flight at once.
    await stage.sandbox.fault({
      fault: 'delay',
      ms: 500,
      when: 'before_effect',
      match: { method: 'POST', path: '/v1/payment_intents', count: 2 },
    });
    const told = clients.map((client) => client.call('create_payment', args));
    return (await Promise.all(told)).map(({ words }) => words);
  };

  test('see the same tools', async () => {
    const server = await stage.sharedHttp();
    const clients = await Promise.all(eras.map((era) => server.client(era)));
    const [older, newer] = await Promise.all(clients.map((client) => client.tools()));
    expect(older).toContain('create_payment');
    expect(newer).toEqual(older);
  });

  test('execute an operation once when both call it at the same time', async () => {
    const description = unique('both eras');
    expect((await callAtOnce(true, description)).sort()).toEqual(['executed', 'replayed']);
    expect(await payments(description)).toHaveLength(1);
  });

  test('execute it twice without the ledger (control)', async () => {
    const description = unique('both eras');
    expect(await callAtOnce(false, description)).toEqual(['executed', 'executed']);
    expect(await payments(description)).toHaveLength(2);
  });
});

describe.each(eras)('a call sent again with a new id after its stream was cut (%s)', (era) => {
  /** What the second call heard, when the first one's connection broke while the upstream had it. */
  const cutAndSendAgain = async (guarded: boolean, description: string): Promise<string> => {
    const server = await stage.sharedHttp(guarded);
    const args = paymentOf(description);
    await stage.sandbox.fault({
      fault: 'hang',
      when: 'after_effect',
      match: { method: 'POST', path: '/v1/payment_intents' },
    });
    const since = await stage.sandbox.newest();
    const cut = await fetchCall(server.url, era, 'create_payment', args);
    await stage.sandbox.arrival('/v1/payment_intents', since);
    cut();
    const client = await server.client(era);
    const again = client.call('create_payment', args);
    await stage.sandbox.release();
    return (await again).words;
  };

  test('executes once, and the second call returns its outcome', async () => {
    const description = unique('cut');
    expect(await cutAndSendAgain(true, description)).toBe('replayed');
    expect(await payments(description)).toHaveLength(1);
  });

  test('executes twice without the ledger (control)', async () => {
    const description = unique('cut');
    expect(await cutAndSendAgain(false, description)).toBe('executed');
    expect(await payments(description)).toHaveLength(2);
  });
});

describe('two servers on one ledger', () => {
  test('execute a call of each revision once, and replay it after one of them crashed', async () => {
    const description = unique('two servers');
    const args = paymentOf(description);
    const servers = await Promise.all([stage.http(), stage.http()]);
    const [older, newer] = await Promise.all(servers.map((server, index) => server.client(eras[index] ?? '2025')));
    const told = await Promise.all([older, newer].map((client) => client?.call('create_payment', args)));
    expect(told.map((each) => each?.words).sort()).toEqual(['executed', 'replayed']);
    await servers[0]?.kill();
    expect((await newer?.call('create_payment', args))?.words).toBe('replayed');
    expect(await payments(description)).toHaveLength(1);
  });
});

test('a session exists on its server only, and a new session on another server gets the same outcomes', async () => {
  const description = unique('sticks');
  const args = paymentOf(description);
  const [one, other] = await Promise.all([stage.http(), stage.http()]);
  const session = await openSession(one.url);
  expect((await post(one.url, toolCall(1, args, 'create_payment'), session)).status).toBe(200);
  const elsewhere = await post(other.url, toolCall(2, args, 'create_payment'), session);
  expect([elsewhere.status, await elsewhere.text()]).toEqual([404, expect.stringContaining('Start a session with')]);
  expect((await (await other.client('2025')).call('create_payment', args)).words).toBe('replayed');
  expect(await payments(description)).toHaveLength(1);
});

describe('SIGTERM', () => {
  test.each(eras)('lets running calls finish and respond, then ends the process (%s)', async (era) => {
    const description = unique('drained');
    const server = await stage.http();
    const client = await server.client(era);
    await stage.sandbox.fault({
      fault: 'hang',
      when: 'after_effect',
      match: { method: 'POST', path: '/v1/payment_intents' },
    });
    const since = await stage.sandbox.newest();
    const calling = client.call('create_payment', paymentOf(description));
    await stage.sandbox.arrival('/v1/payment_intents', since);
    server.signal('SIGTERM');
    await until(() =>
      fetch(new URL('/readyz', server.url)).then(
        ({ status }) => status === 503,
        () => true,
      ),
    );
    await stage.sandbox.release();
    expect((await calling).words).toBe('executed');
    expect((await server.exited).code).toBe(0);
    expect(await payments(description)).toHaveLength(1);
  });

  test('cuts off calls that exceed the drain time, and does not wait for idle streams', async () => {
    const server = await stage.http({ config: { drain: 500 } });
    const client = await server.client('2025');
    await stage.sandbox.fault({ fault: 'hang', match: { method: 'POST', path: '/v1/payment_intents' } });
    const since = await stage.sandbox.newest();
    const calling = client.call('create_payment', paymentOf(unique('cut off'))).then(
      ({ words }) => words,
      () => 'no answer',
    );
    await stage.sandbox.arrival('/v1/payment_intents', since);
    server.signal('SIGTERM');
    // Neither the held call nor the stream ends by itself.
    expect((await server.exited).code).toBe(0);
    expect(['outcome_unknown', 'no answer']).toContain(await calling);
  });
});

describe('the listen address', () => {
  const start = (address: string, ...more: string[]) => {
    const child = spawn(process.execPath, [program, 'serve', '--http', address, ...more], {
      env: { ...stage.environment(), MCP_ONCE_STORE: 'memory:' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    return child;
  };

  test.each(['0.0.0.0:0', '[::]:0', 'example.com:80'])('%s is refused without authentication', async (address) => {
    const child = start(address);
    const stderr = await text(child.stderr);
    expect(stderr).toContain('--insecure');
    expect(child.exitCode ?? (await once(child, 'exit'))[0]).toBe(1);
  });

  test('is accepted with --insecure', async () => {
    const child = start('0.0.0.0:0', '--insecure');
    const [url] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    const local = new URL(url.replace('0.0.0.0', '127.0.0.1'));
    expect((await fetch(new URL('/healthz', local))).status).toBe(200);
    child.kill('SIGTERM');
    expect(await text(child.stderr)).toContain(insecureWarning('0.0.0.0'));
  });

  test('is a usage error when it is not valid', async () => {
    const child = start('127.0.0.1:99999');
    expect(await text(child.stderr)).toContain('--http takes HOST:PORT');
  });
});
