import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isSoak } from '../support/soak.ts';
import { MailServer } from './support/mail.ts';
import type { Arguments, ServerProcess } from './support/server.ts';
import { fixtureTools, invoiceFor, paymentOf, type Strike, testKey, useStage } from './support/stage.ts';
import { FixtureUpstream } from './support/upstream.ts';

/**
 * Kills a server with SIGKILL at five points of a call, for each of the four recoveries, and then makes the same
 * call through another server on the same ledger. The control does the same without the ledger.
 */
const stage = useStage({
  args: ['--tools', fixtureTools],
  config: {
    lease: '2s',
    wait: '20s',
    // `reconcile` waits this long before it concludes that nothing can arrive any more.
    maxRun: '3s',
    tools: {
      create_invoice: { recovery: 'resend' },
      create_payment: { recovery: 'reconcile', lookupLag: '0s' },
      send_email: { recovery: 'refuse' },
    },
  },
});

const recoveries = ['resend', 'natural', 'reconcile', 'refuse'] as const;
type RecoveryName = (typeof recoveries)[number];

/** A tool with one recovery only, and how its effects are counted and withheld upstream. */
interface Column {
  readonly tool: string;
  args(cell: string): Arguments;
  /** Returns the ids of the effects of a cell's calls. */
  effects(cell: string): readonly string[] | Promise<readonly string[]>;
  /** Returns the id in a result. */
  named(result: { readonly id: string; readonly message_id: string }): string;
  /** Withholds the answer of the next effect. @returns a function that releases it. */
  withhold(cell: string): Promise<() => unknown>;
}

let customer: string;
let upstream: FixtureUpstream;
let mail: MailServer;

beforeAll(async () => {
  customer = await stage.sandbox.customer(testKey);
  upstream = await FixtureUpstream.start();
  mail = await MailServer.start();
});
afterAll(async () => {
  await Promise.all([upstream.close(), mail.close()]);
});

const columns: Record<RecoveryName, Column> = {
  resend: {
    tool: 'create_invoice',
    args: (cell) => invoiceFor(customer, cell),
    effects: (cell) => stage.sandbox.described('invoices', cell),
    named: ({ id }) => id,
    withhold: () => withheldAtSandbox('^/v1/invoices$'),
  },
  natural: {
    tool: 'put_document',
    args: (cell) => ({ name: cell }),
    effects: (cell) => upstream.named(cell),
    named: ({ id }) => id,
    withhold: async (cell) => {
      upstream.hold(cell);
      return () => upstream.release(cell);
    },
  },
  reconcile: {
    tool: 'create_payment',
    args: (cell) => paymentOf(cell),
    effects: (cell) => stage.sandbox.described('payment_intents', cell),
    named: ({ id }) => id,
    withhold: () => withheldAtSandbox('^/v1/payment_intents$'),
  },
  refuse: {
    tool: 'send_email',
    args: (cell) => ({ from: 'ada@example.com', to: ['grace@example.com'], subject: cell, text: 'Dear Grace' }),
    effects: (cell) => mail.received(cell),
    named: ({ message_id }) => message_id,
    withhold: async (cell) => {
      mail.hold(cell);
      return () => mail.release(cell);
    },
  },
};

async function withheldAtSandbox(path: string): Promise<() => unknown> {
  const id = await stage.sandbox.fault({ fault: 'hang', when: 'after_effect', match: { method: 'POST', path } });
  return () => stage.sandbox.release(id);
}

/** The expected result of one cell. */
interface Expected {
  readonly effects: number;
  /** What the second caller hears until no answer asks it to call again. */
  readonly second: readonly string[];
  readonly control: number;
}

interface Point {
  readonly name: string;
  readonly at: string;
  /** The control emits no operation events, so it is killed at an equivalent point. */
  readonly controlAt: string;
  /** True when the kill must wait until the effect has happened, with its answer withheld. */
  readonly afterEffect?: boolean;
  readonly expected: Record<RecoveryName, Expected>;
}

const executed: Expected = { effects: 1, second: ['executed'], control: 1 };
const replayed: Expected = { effects: 1, second: ['replayed'], control: 2 };
const recovered = (recovery: RecoveryName, control: number): Expected => {
  return { effects: 1, second: [`recovered (${recovery})`], control };
};
const afterTheEffect: Record<RecoveryName, Expected> = {
  resend: recovered('resend', 2),
  natural: recovered('natural', 2),
  reconcile: recovered('reconcile', 2),
  refuse: { effects: 1, second: ['outcome_unknown'], control: 2 },
};

const points: readonly Point[] = [
  {
    name: 'before claim',
    at: 'mcp-once:claim',
    controlAt: 'net.client.socket',
    expected: { resend: executed, natural: executed, reconcile: executed, refuse: executed },
  },
  {
    name: 'after claim',
    at: 'mcp-once:claimed',
    controlAt: 'net.client.socket',
    expected: {
      resend: recovered('resend', 1),
      natural: recovered('natural', 1),
      // Nothing exists, but until maxRunMs has passed a request could still arrive.
      reconcile: { effects: 1, second: ['outcome_unknown', 'recovered (reconcile)'], control: 1 },
      // Nothing was sent, but the server cannot know: the outcome stays unknown and nothing is sent again.
      refuse: { effects: 0, second: ['outcome_unknown'], control: 1 },
    },
  },
  {
    name: 'after dispatch',
    at: 'mcp-once:dispatch',
    controlAt: 'net.client.socket',
    afterEffect: true,
    expected: afterTheEffect,
  },
  { name: 'after answer', at: 'mcp-once:answer', controlAt: 'mcp-once:answered', expected: afterTheEffect },
  {
    name: 'before reply',
    at: 'mcp-once:settled',
    controlAt: 'mcp-once:answered',
    expected: { resend: replayed, natural: replayed, reconcile: replayed, refuse: replayed },
  },
];

/** The result of a call that lost its server and was made again. */
interface Played {
  readonly signal: NodeJS.Signals | null;
  readonly first: string;
  readonly second: readonly string[];
  readonly effects: number;
}

const cells = new Map<string, Played & { readonly control: Played | undefined }>();
/** The point at which `npm test` kills a server for each recovery, and a control. At the others it does so for one. */
const wholeRow = 'after dispatch';
const hasControl = ({ name }: Point): boolean => isSoak || name === wholeRow;

/** Returns the recoveries of a row: each in `npm run test:soak`. */
function playedAt({ name }: Point, guarded: boolean): readonly RecoveryName[] {
  if (isSoak || (guarded && name === wholeRow)) return recoveries;
  // Nothing was sent, and only this recovery says that the outcome is unknown.
  return guarded && name === 'after claim' ? ['resend', 'refuse'] : ['resend'];
}

test.each(points)('a call takes effect at most once when its server is killed $name', async (point) => {
  const guarded = await playRow(point, true);
  const control = hasControl(point) ? await playRow(point, false) : undefined;
  for (const recovery of playedAt(point, true)) {
    const cell = guarded[recovery];
    if (cell) cells.set(`${point.name}, ${recovery}`, { ...cell, control: control?.[recovery] });
  }
  for (const recovery of playedAt(point, true)) {
    const { effects, second, control: without } = point.expected[recovery];
    const first = 'no answer';
    const label = `${point.name}, ${recovery}`;
    // On a slow machine that wait is over before the second call.
    const waited = guarded[recovery]?.second.length === second.length ? second : second.slice(-1);
    expect(guarded[recovery], label).toEqual({ signal: 'SIGKILL', first, second: waited, effects });
    if (control?.[recovery] === undefined) continue;
    expect(control[recovery], `${label}, control`).toEqual({
      signal: 'SIGKILL',
      first,
      second: ['executed'],
      effects: without,
    });
  }
});

async function playRow(point: Point, guarded: boolean): Promise<Partial<Record<RecoveryName, Played>>> {
  // Only the ledger waits for `maxRun`: a control is not bounded by it.
  const config = guarded ? {} : { maxRun: '60s' };
  const survivor = stage.shared({ guarded, config, env: mailAndDocuments() });
  const played = playedAt(point, guarded).map(async (recovery) => {
    const cell = `${guarded ? 'guarded' : 'control'} ${point.name} ${recovery}`;
    return [recovery, await play(columns[recovery], point, guarded, cell, survivor)] as const;
  });
  return Object.fromEntries(await Promise.all(played)) as Partial<Record<RecoveryName, Played>>;
}

async function play(
  column: Column,
  point: Point,
  guarded: boolean,
  cell: string,
  second: Promise<ServerProcess>,
): Promise<Played> {
  const { tool } = column;
  const args = column.args(cell);
  const when = upstream.when(async () => (await column.effects(cell)).length > 0);
  const at = guarded ? point.at : point.controlAt;
  const strike: Strike = point.afterEffect ? { at, when } : { at };
  // A victim must not end its call by itself while its effect is looked for, however long that takes.
  const config = point.afterEffect || !guarded ? { maxRun: '60s' } : {};
  const victim = await stage.server({ guarded, config, env: mailAndDocuments(), strike });
  const release = point.afterEffect ? await column.withhold(cell) : () => undefined;
  const [first, { signal }] = await Promise.all([victim.heard(tool, args), victim.exited]);
  const { heard, result } = await callUntilSettled(await second, tool, args);
  await release();
  const effects = await column.effects(cell);
  // Every reported effect exists.
  if (result !== undefined) expect(effects, cell).toContain(column.named(result));
  return { signal, first, second: heard, effects: effects.length };
}

function mailAndDocuments(): Record<string, string> {
  return { DOCUMENTS_URL: upstream.url, SMTP_URL: mail.url };
}

/** Calls again when and as long as an answer asks for it. Equal words in a row count once. */
async function callUntilSettled(server: ServerProcess, tool: string, args: Arguments) {
  const heard: string[] = [];
  for (let calls = 0; calls < 10; calls += 1) {
    const { words, outcome, result } = await server.call(tool, args);
    if (heard.at(-1) !== words) heard.push(words);
    if (outcome.retryAfterMs === undefined) return { heard, result };
    await sleep(outcome.retryAfterMs);
  }
  return { heard, result: undefined };
}

afterAll(() => {
  const width = 36;
  const line = (first: string, rest: readonly string[]) =>
    [first.padEnd(16), ...rest.map((text) => text.padEnd(width))].join('').trimEnd();
  const table = [
    line(
      'killed',
      [...recoveries].map((recovery) => `${recovery} (${columns[recovery].tool})`),
    ),
  ];
  for (const { name } of points) {
    const row = recoveries.map((recovery) => cells.get(`${name}, ${recovery}`));
    table.push(
      '',
      line(
        name,
        row.map((cell) =>
          cell
            ? `${cell.signal}, effects: ${cell.effects}, control: ${cell.control?.effects ?? 'not run'}`
            : 'see npm run test:soak',
        ),
      ),
    );
    table.push(
      line(
        '',
        row.map((cell) => (cell ? `1st heard: ${cell.first}` : '')),
      ),
    );
    table.push(
      line(
        '',
        row.map((cell) => (cell ? `2nd heard: ${cell.second[0]}` : '')),
      ),
    );
    if (row.some((cell) => (cell?.second.length ?? 0) > 1)) {
      table.push(
        line(
          '',
          row.map((cell) => (cell?.second[1] ? `     then: ${cell.second[1]}` : '')),
        ),
      );
    }
  }
  process.stdout.write(`\n${table.join('\n')}\n\n`);
});
