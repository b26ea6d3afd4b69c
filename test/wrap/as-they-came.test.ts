import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { listening } from './support/http.ts';
import { type Message, main, outcomeOf, RawClient, stage, wrapArgs } from './support/wrap.ts';

const recorder = fileURLToPath(new URL('./support/recorder.mjs', import.meta.url));

/** The ways to the server: its own stdio, and HTTP with each kind of response. */
const ways = ['stdio', 'json', 'stream'] as const;

/** Makes a server that writes down what it gets. `start` starts a guard in front of it. */
async function recording(way: (typeof ways)[number]) {
  const { folder, store, effects } = stage();
  const file = join(folder, 'effects');
  const server = [recorder, file, way];
  const url = way === 'stdio' ? undefined : `${(await listening(server)).origin}/mcp`;
  const start = async (): Promise<RawClient> => {
    const args =
      url === undefined ? wrapArgs(store, server) : [main, 'wrap', '--store', store, '--log-level', 'warn', url];
    const client = new RawClient(args);
    await client.initialize();
    return client;
  };
  return { start, effects };
}

let lastId = 0;

/** Sends a call whose arguments are JSON text, and returns the id of its request. */
function sendCall(client: RawClient, name: string, args: string): string {
  lastId += 1;
  const id = `call ${lastId}`;
  client.child.stdin?.write(
    `{"jsonrpc":"2.0","id":"${id}","method":"tools/call","params":{"name":"${name}","arguments":${args}}}\n`,
  );
  return id;
}

function callWith(client: RawClient, name: string, args: string): Promise<Message> {
  const sent = sendCall(client, name, args);
  return client.until(({ id }) => id === sent);
}

/** Arguments as they come, and the same arguments as the schema has them. */
const forms = [
  ['{"cents":"5"}', '{"cents":5}'],
  ['{"list":"[1, 2]"}', '{"list":[1,2]}'],
  ['{"in":"{\\"id\\": \\"7\\"}"}', '{"in":{"id":7}}'],
  ['{"cents":6,"note":null,"in":{"id":1,"note":null}}', '{"cents":6,"in":{"id":1}}'],
  ['{"cents":"7","extra":{"deep":[null]}}', '{"cents":7,"extra":{"deep":[null]}}'],
  ['{"cents":"8","in":{"id":1234567890123456789}}', '{"in":{"id":1234567890123456789},"cents":8}'],
] as const;

describe.each(ways)('a server over %s', (way) => {
  test('gets arguments as they came, guarded or not, and once in both forms', async () => {
    const { start, effects } = await recording(way);
    const first = await start();
    for (const [raw, other] of forms) {
      await callWith(first, 'send_money', raw);
      const again = await callWith(first, 'send_money', other);
      expect(outcomeOf(again.result)).toMatchObject({ code: 'succeeded', replayed: true });
      await callWith(first, 'get_money', raw);
    }
    first.end();
    await first.exited;
    // Another process knows only the ledger.
    const second = await start();
    for (const args of forms.flat()) {
      expect(outcomeOf((await callWith(second, 'send_money', args)).result)).toMatchObject({ replayed: true });
    }
    expect(effects()).toEqual(forms.flatMap(([raw]) => [`send_money ${raw}`, `get_money ${raw}`]));
  });

  test('gets the same arguments and the same key again after a crash, whichever form asks', async () => {
    const { start, effects } = await recording(way);
    const first = await start();
    const raw = '{"cents":"5","note":null,"extra":"hang","in":{"id":1234567890123456789}}';
    sendCall(first, 'send_keyed_money', raw);
    await expect.poll(effects).toHaveLength(1);
    first.child.kill('SIGKILL');
    await first.exited;
    const second = await start();
    const other = '{"extra":"hang","in":{"id":1234567890123456789},"cents":5}';
    const answer = await callWith(second, 'send_keyed_money', other);
    expect(outcomeOf(answer.result)).toMatchObject({ code: 'succeeded' });
    expect(outcomeOf((await callWith(second, 'send_keyed_money', raw)).result)).toMatchObject({ replayed: true });
    const [one, two, ...more] = effects();
    expect(one).toMatch(
      /^send_keyed_money \{"cents":"5","note":null,"extra":"hang","in":\{"id":1234567890123456789\},"idempotency_key":"[\w-]{36}"\}$/,
    );
    expect(two).toBe(one);
    expect(more).toEqual([]);
  }, 60_000);
});
