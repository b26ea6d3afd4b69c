import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { listening } from './support/http.ts';
import { main, RawClient, stage, wrapArgs } from './support/wrap.ts';

const digits = fileURLToPath(new URL('./support/digits.mjs', import.meta.url));
const id = '1234567890123456789';
const next = '18446744073709551615';

/** The ways to the server: its own stdio, and HTTP with each kind of response. */
const ways = ['stdio', 'json', 'stream'] as const;

async function wrapped(way: (typeof ways)[number], stagedAt: ReturnType<typeof stage>): Promise<Client> {
  const file = join(stagedAt.folder, 'effects');
  if (way === 'stdio') return new Client(wrapArgs(stagedAt.store, [digits, file]));
  const { origin } = await listening([digits, file, way]);
  return new Client([main, 'wrap', '--store', stagedAt.store, '--log-level', 'warn', `${origin}/mcp`]);
}

/** A client that writes arguments as text, and keeps the text of each response. */
class Client extends RawClient {
  #text = '';

  constructor(args: readonly string[]) {
    super(args);
    this.child.stdout?.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString();
    });
  }

  /** Returns the text of the response. */
  async callWith(name: string, args: string): Promise<string> {
    const request = `call ${this.heard.length} ${name}`;
    this.child.stdin?.write(
      `{"jsonrpc":"2.0","id":"${request}","method":"tools/call","params":{"name":"${name}","arguments":${args}}}\n`,
    );
    await this.until((message) => message.id === request);
    return this.#text.split('\n').find((line) => line.includes(`"id":"${request}"`)) ?? '';
  }
}

describe.each(ways)('a server over %s', (way) => {
  test('gets the digits of a long id as they came, and its digits come back, guarded or not', async () => {
    const at = stage();
    const client = await wrapped(way, at);
    await client.initialize();
    const answers = [
      await client.callWith('delete_message', `{"id":${id}}`),
      await client.callWith('delete_message', `{"id":1234567890123456788}`),
      await client.callWith('get_message', `{"id":${id}}`),
    ];
    expect(at.effects()).toEqual([`delete_message ${id}`, 'delete_message 1234567890123456788', `get_message ${id}`]);
    for (const text of [answers[0], answers[2]]) {
      expect(text).toContain(`"structuredContent":{"id":${id},"next":[${next}]`);
      expect(text).toContain(`"text":"{\\"id\\":${id}}"`);
    }
  });
});

test('a repeat is recognised by all digits, also as text, and its stored answer keeps them', async () => {
  const at = stage();
  const client = await wrapped('stdio', at);
  await client.initialize();
  await client.callWith('delete_message', `{"id":${id}}`);
  const again = await client.callWith('delete_message', `{"id":${id}}`);
  const asText = await client.callWith('delete_message', `{"id":"${id}"}`);
  for (const text of [again, asText]) {
    expect(text).toContain('"replayed":true');
    expect(text).toContain(`{"id":${id},"next":[${next}]`);
  }
  expect(at.effects()).toEqual([`delete_message ${id}`]);
});
