import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isSoak } from '../support/soak.ts';
import type { Arguments, ServerProcess } from './support/server.ts';
import { fixtureTools, invoiceFor, testKey, unique, until, useStage } from './support/stage.ts';
import { FixtureUpstream } from './support/upstream.ts';

// With the default lease, a repeat gets the outcome because it is settled, not because the lease lapsed.
const stage = useStage({ args: ['--tools', fixtureTools] });

const invoicePath = '^/v1/invoices$';

let customer: string;
let upstream: FixtureUpstream;
beforeAll(async () => {
  customer = await stage.sandbox.customer(testKey);
  upstream = await FixtureUpstream.start();
});
afterAll(() => upstream.close());

/** A way to lose the caller in the middle of its call. */
interface Way {
  readonly name: string;
  lose(server: ServerProcess, caller: AbortController): Promise<unknown>;
  /** Resolves when the released server has finished. */
  end(server: ServerProcess): Promise<unknown>;
  /** What the caller received. */
  readonly heard: string;
}

const exit = { code: 0, signal: null };

const ways: readonly Way[] = [
  {
    name: 'cancelled',
    heard: 'no answer',
    lose: async (server, caller) => {
      caller.abort();
      // The server reads everything sent before, including the notification, before it answers this.
      await server.ping();
    },
    end: (server) => server.ping(),
  },
  {
    name: 'its client gone',
    heard: 'no answer',
    lose: (server) => {
      server.breakPipes();
      return until(() => server.stderr.includes('draining'));
    },
    end: async (server) => expect(await server.exited).toEqual(exit),
  },
  {
    name: 'its stdin ended',
    heard: 'executed',
    lose: (server) => {
      server.endInput();
      return until(() => server.stderr.includes('draining'));
    },
    end: async (server) => expect(await server.exited).toEqual(exit),
  },
  {
    name: 'its server asked to end (SIGTERM)',
    heard: 'executed',
    lose: (server) => {
      server.signal('SIGTERM');
      return until(() => server.stderr.includes('draining'));
    },
    end: async (server) => expect(await server.exited).toEqual(exit),
  },
];

/** Calls, loses the caller while the invoice's answer is withheld, and then releases the answer. */
async function loseCaller(server: ServerProcess, args: Arguments, way: Way): Promise<string> {
  const since = await stage.sandbox.newest();
  await stage.sandbox.fault({ fault: 'hang', when: 'after_effect', match: { method: 'POST', path: invoicePath } });
  const caller = new AbortController();
  const calling = server.heard('create_invoice', args, { signal: caller.signal });
  await stage.sandbox.arrival(invoicePath, since);
  await way.lose(server, caller);
  expect(await stage.sandbox.release()).toBe(1);
  await way.end(server);
  return calling;
}

describe.each(ways)('a call in progress, $name', (way) => {
  const debug = { MCP_ONCE_LOG_LEVEL: 'debug' };

  test('is finished and settled, and its repeat through another server is a replay', async () => {
    const args = invoiceFor(customer, unique(way.name));
    const [server, other] = [await stage.server({ env: debug }), await stage.shared({ name: 'other' })];
    expect(await loseCaller(server, args, way)).toBe(way.heard);
    const told = await other.call('create_invoice', args);
    expect(told.words).toBe('replayed');
    expect(await stage.sandbox.described('invoices', String(args.memo))).toEqual([told.result.id]);
    expect(told.result.total).toBeGreaterThan(0);
  });

  // One control is enough for `npm test`: the ways differ in how the caller is lost.
  test.runIf(isSoak || way === ways[0])(
    'control: without the ledger, makes a second invoice when repeated',
    async () => {
      const args = invoiceFor(customer, unique(way.name));
      const [server, other] = await Promise.all([
        stage.server({ guarded: false, env: debug }),
        stage.shared({ name: 'other', guarded: false }),
      ]);
      await loseCaller(server, args, way);
      expect(await other.heard('create_invoice', args)).toBe('executed');
      expect(await stage.sandbox.described('invoices', String(args.memo))).toHaveLength(2);
    },
  );
});

describe('a call cancelled before anything was sent', () => {
  /** Cancels while the upstream client is still opening. */
  const cancelEarly = async (server: ServerProcess, name: string): Promise<void> => {
    upstream.closeGate();
    const caller = new AbortController();
    const calling = server.heard('put_document', { name }, { signal: caller.signal });
    await until(() => upstream.atGate === 1);
    caller.abort();
    expect(await calling).toBe('no answer');
    await server.ping();
    upstream.openGate();
  };
  const env = () => ({ DOCUMENTS_URL: upstream.url });

  test('executes nothing, and its repeat executes', async () => {
    const name = unique('early');
    const [server, other] = await Promise.all([
      stage.shared({ env: env() }),
      stage.shared({ name: 'other', env: env() }),
    ]);
    await cancelEarly(server, name);
    expect(await other.heard('put_document', { name })).toBe('executed');
    expect(await server.heard('put_document', { name })).toBe('replayed');
    expect(upstream.writes.filter((write) => write.name === name)).toHaveLength(1);
  });

  test('control: without the ledger, executes, and so does its repeat', async () => {
    const name = unique('early');
    const server = await stage.shared({ guarded: false, env: env() });
    await cancelEarly(server, name);
    await until(() => upstream.named(name).length === 1);
    expect(await server.heard('put_document', { name })).toBe('executed');
    expect(upstream.named(name)).toHaveLength(2);
  });
});

describe('a client that gave up and calls again', () => {
  const giveUp = async (guarded: boolean) => {
    const args = invoiceFor(customer, unique('time-out'));
    const server = await stage.shared({ name: 'other', guarded });
    await stage.sandbox.fault({ fault: 'hang', when: 'after_effect', match: { method: 'POST', path: invoicePath } });
    const since = await stage.sandbox.newest();
    const gaveUp = new AbortController();
    const waiting = server.heard('create_invoice', args, { signal: gaveUp.signal });
    // The client gives up once the API has the request, however long that takes.
    await stage.sandbox.arrival(invoicePath, since);
    gaveUp.abort();
    const first = await waiting;
    const calling = server.heard('create_invoice', args);
    await server.ping();
    await stage.sandbox.release();
    return { heard: [first, await calling], made: await stage.sandbox.described('invoices', String(args.memo)) };
  };

  test('waits for the call in progress and gets its invoice', async () => {
    const { heard, made } = await giveUp(true);
    expect(heard).toEqual(['no answer', 'replayed']);
    expect(made).toHaveLength(1);
  });

  test('control: without the ledger, makes two invoices', async () => {
    const { heard, made } = await giveUp(false);
    expect(heard).toEqual(['no answer', 'executed']);
    expect(made).toHaveLength(2);
  });
});
