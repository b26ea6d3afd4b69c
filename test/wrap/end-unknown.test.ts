import { expect, test } from 'vitest';
import { startProcess } from '../support/program-here.ts';
import { outcomeOf, RawClient, scripted, stage, wrapArgs } from './support/wrap.ts';

/** Starts a guard, lets the server hang in a call, and kills the guard. Returns a client of a new guard on the same ledger. */
async function killedDuring(tool: string, sent: Record<string, unknown>) {
  const { env, store, effects, shortLease } = stage();
  const args = wrapArgs(store, [scripted], shortLease());
  const more = { ...env, TOOLS: 'send_money,create_note,list_notes' };
  const first = new RawClient(args, more, undefined, startProcess);
  await first.initialize();
  first.send({ id: 'lost', method: 'tools/call', params: { name: tool, arguments: sent } });
  await expect.poll(effects).toEqual([tool]);
  first.child.kill('SIGKILL');
  await first.exited;
  const client = new RawClient(args, more);
  await client.initialize();
  await client.ask('tools/list', {});
  return { client, effects };
}

/** Finds a token that ends an unknown outcome. */
function tokenIn(text: string): string | undefined {
  return /\bu\d+\.\d+\.\d+\.[\w-]+\.[\w-]+/.exec(text)?.[0];
}

test('a caller ends the unknown outcome of a call that a crash cut off, after it has checked', async () => {
  const args = { text: 'hello', mode: 'hang-once' };
  const { client, effects } = await killedDuring('create_note', args);
  const { result } = await client.call('create_note', args);
  const told = outcomeOf(result);
  expect(told).toMatchObject({ code: 'outcome_unknown' });
  const text: string = result.content[0].text;
  // The sentence names the tool that can check, and brings the token.
  expect(text).toContain('list_notes');
  const token = tokenIn(text);
  expect(token).toBeDefined();
  expect(outcomeOf((await client.call('create_note', args)).result)).toMatchObject({ code: 'outcome_unknown' });
  expect(effects()).toEqual(['create_note']);

  // The server's list shows whether the note is there; it adds a line as well.
  expect((await client.call('list_notes', {})).result.content[0].text).toBe('done list_notes');
  const forged = await client.call('create_note', { ...args, repeat_token: `${token?.slice(0, -4)}AAAA` });
  expect(outcomeOf(forged.result)).toMatchObject({ code: 'invalid_repeat_token' });
  expect(effects()).toEqual(['create_note', 'list_notes']);

  const again = await client.call('create_note', { ...args, repeat_token: token });
  expect(outcomeOf(again.result)).toMatchObject({ code: 'succeeded', replayed: false });
  expect(outcomeOf((await client.call('create_note', args)).result)).toMatchObject({
    code: 'succeeded',
    replayed: true,
  });
  // The same token means the same operation, however often it is sent.
  await client.call('create_note', { ...args, repeat_token: token });
  expect(effects()).toEqual(['create_note', 'list_notes', 'create_note']);
});

test('control: nobody but an operator ends the unknown outcome of a call that moves money', async () => {
  const args = { mode: 'hang-once' };
  const { client, effects } = await killedDuring('send_money', args);
  const { result } = await client.call('send_money', args);
  expect(outcomeOf(result)).toMatchObject({ code: 'outcome_unknown' });
  expect(tokenIn(JSON.stringify(result))).toBeUndefined();
  const forged = await client.call('send_money', { ...args, repeat_token: 'A'.repeat(60) });
  expect(outcomeOf(forged.result)).toMatchObject({ code: 'invalid_repeat_token' });
  expect(outcomeOf((await client.call('send_money', args)).result)).toMatchObject({ code: 'outcome_unknown' });
  expect(effects()).toEqual(['send_money']);
});
