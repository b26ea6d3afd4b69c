import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { startProcess } from '../support/program-here.ts';
import { listening } from './support/http.ts';
import { type Message, main, outcomeOf, RawClient, stage, wrapArgs } from './support/wrap.ts';

const recorder = fileURLToPath(new URL('./support/recorder.mjs', import.meta.url));

/** The ways to the server: its own stdio, HTTP with each kind of response, and the older HTTP with SSE. */
const ways = ['stdio', 'json', 'stream', 'sse'] as const;

/** Makes a server that writes down what it gets. `start` starts a guard in front of it. */
async function recording(way: (typeof ways)[number]) {
  const { folder, store, effects, shortLease } = stage();
  const file = join(folder, 'effects');
  const server = [recorder, file, way];
  const url = way === 'stdio' ? undefined : `${(await listening(server)).origin}/mcp`;
  const config = shortLease();
  const args =
    url === undefined
      ? wrapArgs(store, server, config)
      : [main, 'wrap', '--store', store, '--log-level', 'warn', ...config, url];
  /** @param startGuard `startProcess` for a guard that is killed */
  const start = async (startGuard?: typeof startProcess): Promise<RawClient> => {
    const client = new RawClient(args, {}, undefined, startGuard);
    await client.initialize();
    return client;
  };
  return { start, effects };
}

/** Keeps the text of what a client hears. */
function textOf(client: RawClient): () => string {
  let text = '';
  client.child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  return () => text;
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

/** Texts that JavaScript would write in another way, and other texts of the same values. */
const texts = [
  ['{"amount":1.10}', '{"amount":1.1}'],
  ['{"amount":"2.50"}', '{"amount":2.5}'],
  ['{"amount":2.0}', '{"amount":2}'],
  ['{"amount":1E2}', '{"amount":100}'],
  ['{"amount":-0}', '{"amount":0}'],
  ['{"amount":0.0000001}', '{"amount":1e-7}'],
  ['{"cents":1e20}', '{"cents":100000000000000000000}'],
  ['{"amount":1e400}', '{"amount":10e399}'],
  ['{"amount":1e-400}', '{"amount":0.1e-399}'],
  ['{"in":{"id":12345678901234567890.0}}', '{"in":{"id":12345678901234567890}}'],
  ['{"extra":{"deep":[[1.10,-0.0],{"n":5e-1}]}}', '{"extra":{"deep":[[1.1,0],{"n":0.5}]}}'],
  ['{"in":"{\\"note\\":\\"\ufdd01\\"}"}', '{"in":{"note":"\\ufdd01"}}'],
  ['{"amount":4.0,"note":"\u2028"}', '{"amount":4,"note":"\\u2028"}'],
  ['{"list":"[1.0, 2.00]"}', '{"list":[1,2]}'],
  ['{"note":"\\ud800"}', '{"note":"\\uD800"}'],
  ['{"note":"\\udc00\\ud800"}', '{"note":"\\uDC00\\uD800"}'],
  ['{"extra":{"\\ud83d":1}}', '{"extra":{"\\uD83D":1.0}}'],
  ['{"__proto__":{"amount":7}}', '{"__proto__":{"amount":7.0}}'],
  ['{"extra":{"__proto__":8}}', '{"extra":{"__proto__":8.0}}'],
  ['{"extra":{"__proto__":9}}', '{"extra":{"__proto__":9.0}}'],
  ['{"extra":{"\u00e9":1,"e\u0301":2}}', '{"extra":{"\\u00e9":1,"e\\u0301":2}}'],
  ['{"extra":{"\u00e9":2,"e\u0301":1}}', '{"extra":{"\\u00e9":2,"e\\u0301":1}}'],
  ['{"cents":77,"in":"{\\"note\\":\\"\\\\ud800\\"}"}', '{"cents":77,"in":{"note":"\\ud800"}}'],
] as const;

describe.each(ways)('a server over %s', (way) => {
  test('gets each number and each text as it came, and its answer comes back so', async () => {
    const { start, effects } = await recording(way);
    const first = await start(startProcess);
    const heard = textOf(first);
    for (const [raw, other] of texts) {
      await callWith(first, 'get_money', raw);
      const once = await callWith(first, 'send_money', raw);
      expect(outcomeOf(once.result), raw).toMatchObject({ code: 'succeeded', replayed: false });
      const again = await callWith(first, 'send_money', other);
      expect(outcomeOf(again.result), other).toMatchObject({ code: 'succeeded', replayed: true });
      expect(heard().split(`"structuredContent":{"came":${raw}`), raw).toHaveLength(4);
    }
    first.child.kill('SIGKILL');
    await first.exited;
    const second = await start();
    for (const args of texts.flat()) {
      expect(outcomeOf((await callWith(second, 'send_money', args)).result), args).toMatchObject({ replayed: true });
    }
    expect(effects()).toEqual(texts.flatMap(([raw]) => [`get_money ${raw}`, `send_money ${raw}`]));
  });

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

  test.skipIf(way === 'sse')(
    'gets the same arguments and the same key again after a crash, whichever form asks',
    async () => {
      const { start, effects } = await recording(way);
      const first = await start(startProcess);
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
    },
  );
});

test('a repeat token that is a number gets a refusal that says whose argument it is', async () => {
  const { start, effects } = await recording('stdio');
  const client = await start();
  for (const token of ['5', '1.0', '[]']) {
    const refused = await callWith(client, 'send_money', `{"cents":1,"repeat_token":${token}}`);
    expect(outcomeOf(refused.result)).toMatchObject({ code: 'invalid_input' });
    expect(JSON.stringify(refused.result)).toContain('the token that mcp-once gave in an earlier answer');
  }
  await callWith(client, 'get_money', '{"repeat_token":1.0}');
  expect(effects()).toEqual(['get_money {"repeat_token":1.0}']);
});

test('a server gets JSON text with a null and around a key as it came, and the same again after a crash', async () => {
  const { start, effects } = await recording('stdio');
  const first = await start(startProcess);
  const sent = '{"cents":3.0,"note":null,"extra":"hang","options":"{ \\"id\\": 1.0, \\"note\\":\\"\\\\u00e9\\"}"}';
  const cleared = '{"cents":3.0,"extra":"hang","in":"{\\"note\\": null}"}';
  sendCall(first, 'send_nested_money', sent);
  sendCall(first, 'update_keyed_thing', cleared);
  await expect.poll(effects).toHaveLength(2);
  first.child.kill('SIGKILL');
  await first.exited;
  const second = await start();
  const answers = await Promise.all([
    callWith(second, 'send_nested_money', '{"cents":3,"extra":"hang","options":{"note":"\u00e9","id":1}}'),
    callWith(second, 'update_keyed_thing', '{"in":{"note":null},"extra":"hang","cents":3}'),
  ]);
  for (const { result } of answers) expect(outcomeOf(result)).toMatchObject({ code: 'succeeded' });
  const made = effects();
  expect(made.map(withoutKey).sort()).toEqual(
    [`send_nested_money ${sent}`, `update_keyed_thing ${cleared}`].flatMap((each) => [each, each]),
  );
  expect(new Set(made).size).toBe(2);
  // A call that clears nothing is another one.
  await callWith(second, 'update_keyed_thing', '{"in":{},"extra":"hang","cents":3}');
  expect(effects()).toHaveLength(5);
});

function withoutKey(effect: string): string {
  return effect.replace(/,?\\?"idempotency_key\\?":\\?"[\w-]{36}\\?"(?:,(?= ))?/, '');
}
