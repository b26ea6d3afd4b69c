import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RunContext } from '../../../src/core/tool/types.ts';
import { defineTool, z } from '../../../src/index.ts';
import { refusalOf, testEngine } from '../../support/engine.ts';

/** The effects, counted by the server that has them. */
let effects: string[];
let url: string;
/** An address where nothing listens. */
let nowhere: string;
const server = createServer((incoming, response) => {
  if (incoming.method === 'POST') effects.push(incoming.url ?? '');
  response.end('{}');
});

beforeEach(async () => {
  effects = [];
  const free = createServer().listen(0, '127.0.0.1');
  server.listen(0, '127.0.0.1');
  await Promise.all([once(server, 'listening'), once(free, 'listening')]);
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  nowhere = `http://127.0.0.1:${(free.address() as AddressInfo).port}`;
  await new Promise((resolve) => free.close(resolve));
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

type Send = (to: string, method?: string) => Promise<unknown>;
type Run = (send: Send, context: RunContext<undefined>) => Promise<unknown>;

const senders: Readonly<Record<string, Send>> = {
  fetch: async (to, method = 'POST') => (await fetch(to, { method })).text(),
  'node:http': (to, method = 'POST') =>
    new Promise((resolve, reject) => {
      const sending = request(to, { method }, (response) => response.resume().on('end', resolve));
      sending.on('error', reject).end();
    }),
};

const runs: Readonly<Record<string, Run>> = {
  'without steps': async (send) => {
    await send(`${url}/pay`);
    await send(nowhere);
  },
  'in one step': (send, { step }) =>
    step('pay', async () => {
      await send(`${url}/pay`);
      await send(nowhere);
    }),
  'beside a step that cannot connect': async (send, { step }) => {
    await send(`${url}/pay`);
    await step('notify', () => send(nowhere));
  },
  'at the same time': (send, { step }) =>
    step('pay', async () => {
      const [, refused] = await Promise.allSettled([send(`${url}/pay`), send(nowhere)]);
      if (refused.status === 'rejected') throw refused.reason;
    }),
};

const harmless: Readonly<Record<string, Run>> = {
  'alone in the run': (send) => send(nowhere),
  'alone in its step': (send, { step }) => step('pay', () => send(nowhere)),
  'after a request that only reads': (send, { step }) =>
    step('pay', async () => {
      await send(`${url}/rates`, 'GET');
      await send(nowhere);
    }),
  'after a read of the tool': async (send, { read, step }) => {
    await read('rates', () => send(`${url}/search`));
    await step('pay', () => send(nowhere));
  },
  'after a try that could not connect': async (send, { step }) =>
    step('pay', () => send(nowhere).catch(() => send(nowhere))),
};

function toolOf(run: Run, send: Send, toolClass: 'create' | 'off' = 'create') {
  return defineTool({
    name: 'do_it',
    title: 'Do it',
    description: 'Does it.',
    effect: 'create',
    class: toolClass,
    input: z.strictObject({}),
    output: z.object({}),
    run: async (_, context) => {
      await run(send, context as RunContext<undefined>);
      return {};
    },
  });
}

describe.each(Object.entries(senders))('a second request of %s that cannot connect', (_name, send) => {
  test.each(Object.entries(runs))('leaves doubt about the first one %s', async (_kind, run) => {
    const { call } = testEngine({ tools: [toolOf(run, send)] });
    expect(refusalOf(await call('do_it', {})).code).toBe('outcome_unknown');
    expect(refusalOf(await call('do_it', {})).code).toBe('outcome_unknown');
    expect(effects).toEqual(['/pay']);
  });

  test.each(Object.entries(runs))('leaves doubt in a tool that is off, %s', async (_kind, run) => {
    const { call } = testEngine({ tools: [toolOf(run, send, 'off')] });
    expect(refusalOf(await call('do_it', {})).code).toBe('outcome_unknown');
  });

  test.each(Object.entries(harmless))('proves that nothing happened %s', async (_kind, run) => {
    const { call } = testEngine({ tools: [toolOf(run, send)] });
    expect(refusalOf(await call('do_it', {}))).toMatchObject({ code: 'operation_failed' });
    expect(refusalOf(await call('do_it', {})).operation?.attempt).toBe(2);
  });

  test('counts no request of another call', async () => {
    const other = { ...toolOf((each) => each(`${url}/other`), send), name: 'other' };
    const { call } = testEngine({ tools: [toolOf(harmless['alone in the run'] as Run, send), other] });
    const [refused] = await Promise.all([call('do_it', {}), call('other', {})]);
    expect(refusalOf(refused).code).toBe('operation_failed');
    expect(effects).toEqual(['/other']);
  });
});
