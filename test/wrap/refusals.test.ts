import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { makeTemporaryFolder } from '../support/temporary.ts';
import { type Message, RawClient, wrapArgs } from './support/wrap.ts';

const server = fileURLToPath(new URL('./support/refusing.mjs', import.meta.url));
const isError = (text: string, more: object = {}) => ({
  result: { isError: true, content: [{ type: 'text', text }], ...more },
});
const says = (body: unknown) => ({ result: { content: [{ type: 'text', text: JSON.stringify(body) }] } });
const rpc = (code: number, message: string) => ({ error: { code, message } });

let shared: Awaited<ReturnType<typeof wrapScripted>>;
beforeAll(async () => {
  const folder = makeTemporaryFolder();
  shared = await wrapScripted(folder.path);
  return async () => {
    shared.client.child.kill('SIGKILL');
    await shared.client.exited;
    folder.remove();
  };
});

/** Wraps a server whose write tools answer with the lines of its script, and then succeed. */
async function wrapScripted(folder: string) {
  const [script, effectsFile] = [join(folder, 'script'), join(folder, 'effects')];
  writeFileSync(script, '');
  const args = wrapArgs(`sqlite:${join(folder, 'ledger.sqlite')}`, [server]);
  const client = new RawClient(args, { SCRIPT: script, EFFECTS: effectsFile }, () => undefined);
  await client.initialize();
  await client.ask('tools/list');
  const effects = (): string[] =>
    existsSync(effectsFile) ? readFileSync(effectsFile, 'utf8').split('\n').filter(Boolean) : [];
  return { client, script, effects };
}

let tests = 0;

/** Lets the shared server's write tools answer with these lines. Its calls are about a note of the test's own. */
function answering(...lines: readonly object[]) {
  tests += 1;
  const note = `note-${tests}`;
  const { client, script, effects } = shared;
  const sent = lines.map((line) => JSON.stringify(line).replaceAll('NOTE', note));
  writeFileSync(script, sent.join('\n'));
  const before = effects().length;
  const call = (more: object = {}, tool = 'create_note') => client.call(tool, { name: note, ...more });
  return { call, answers: sent.map((line) => JSON.parse(line)), effects: () => effects().slice(before) };
}

const outcome = (message: Message) => message.result?._meta?.['mcp-once/outcome'];
const allText = (message: Message): string =>
  message.result.content.map(({ text }: { text: string }) => text).join('\n');

describe('a refusal of a wrapped server', () => {
  test.each<[string, object, RegExp]>([
    ['a rate limit', isError('Rate limit exceeded, nothing was written. Retry after 30 seconds'), /call again in 30 s/],
    ['a status of 429', isError('Request failed with status code 429'), /temporary: call again later/],
    ['invalid arguments', isError('Invalid arguments: name is too short'), /Correct the arguments.*would fail again/],
    ['a missing thing', isError('Error: project not found'), /fails until that exists/],
    ['a denied permission', isError('403 Forbidden: permission denied'), /until an operator corrects/],
    [
      'structured content',
      isError('failed', { structuredContent: { error: { code: 'RATE_LIMITED', retry_after: 5 } } }),
      /in 5 s/,
    ],
    ['JSON in its text', isError('{"error":{"code":429,"message":"slow down"}}'), /temporary/],
    ['ok: false without isError', says({ ok: false, error: 'name_taken: already exists' }), /Read the current state/],
    ['success: false without isError', says({ success: false, message: 'quota exceeded' }), /temporary/],
    [
      'an argument repeated in details',
      isError('{"error":{"message":"not found","details":{"note_id":"NOTE"}}}'),
      /exists/,
    ],
    ['a plain statement', isError('Something went wrong. Nothing was written'), /safe to call again with the same/],
  ])('by %s runs again when it is called again', async (_name, line, next) => {
    const { call, effects, answers } = answering(line);
    const first = await call();
    expect(outcome(first)).toMatchObject({ code: 'operation_failed', replayed: false });
    expect(first.result.isError).toBe(true);
    expect(first.result.content[0]).toEqual(answers[0].result.content[0]);
    expect(allText(first)).toMatch(/It had no effect\./);
    expect(allText(first)).toMatch(next);
    expect(effects()).toEqual([]);
    expect(outcome(await call())).toMatchObject({ code: 'succeeded', replayed: false });
    expect(outcome(await call())).toMatchObject({ code: 'succeeded', replayed: true });
    expect(effects()).toEqual(['create_note']);
  });

  test.each([
    ['-32602', rpc(-32602, 'Invalid params')],
    ['-32600', rpc(-32600, 'Invalid Request')],
    ['-32603 out of memory', rpc(-32603, 'out of memory: command not allowed')],
    ['-32000 rate limited', rpc(-32000, 'rate limited, nothing was written')],
  ])('by the JSON-RPC error %s is passed on, and runs again', async (_name, line) => {
    const { call, effects } = answering(line);
    expect((await call()).error).toMatchObject(line.error);
    expect(outcome(await call())).toMatchObject({ code: 'succeeded', replayed: false });
    expect(effects()).toEqual(['create_note']);
  });
});

test("a refusal's structured content holds what its text says about another call", async () => {
  const structuredContent = { error: 'rate_limit' };
  const { call } = answering(isError('Rate limit exceeded, retry after 20 s', { structuredContent }));
  const { structuredContent: shown, content } = (await call()).result;
  expect(shown).toEqual({ error: 'rate_limit', mcp_once: { replayed: false, note: content.at(-1).text } });
  expect(shown.mcp_once.note).toMatch(/It had no effect\. This is temporary: call again in 20 s/);
});

describe('an error that leaves doubt', () => {
  test.each<[string, object]>([
    ['a generic text', isError('An error occurred')],
    ['a time-out after an effect', isError('timeout after the note was saved')],
    ['an effect in other words', isError('Payment made (tx 55). Receipt failed: invalid e-mail address.')],
    ['an effect of some rows', isError('Appended 3 of 4 rows. Row 4: invalid date.')],
    ['an id beside a refusal', isError('Ticket opened as #881, but the assignee "zoe" was not found.')],
    ['a refusal after an effect', isError('Note created, but the label was not found')],
    ['a result beside the error', isError('{"id":"n1","error":"rate limited"}')],
    ['a status of 500', isError('HTTP 500 Internal Server Error')],
    ['a state of success in JSON', isError('{"success":false,"status":"created","message":"label not found"}')],
    ['a code of an effect', isError('{"ok":false,"error":"message_sent_but_thread_not_found"}')],
    ['a reference in its details', isError('{"error":{"message":"label not found","details":{"issue_id":12}}}')],
    ['a failure of its own code', isError('Error executing tool create_note: list index out of range')],
    ['a limit on its answer', isError('Response size limit exceeded')],
    ['another language', isError('Notiz nicht gefunden: 404 Not Found')],
    ['a count of a part', isError('2 of 5 recipients were not found')],
  ])('by %s is kept, with a token in the first answer', async (_name, answer) => {
    const { call, effects } = answering({ effect: true, ...answer });
    const first = await call();
    expect(outcome(first)).toMatchObject({ code: 'succeeded', replayed: false });
    const { repeatToken } = outcome(first);
    expect(allText(first)).toMatch(/It may have taken effect\. Check first \(get_note, list_notes, search_notes\)/);
    expect(first.result.content.at(-1).text.length).toBeLessThanOrEqual(200);
    const again = await call();
    expect(outcome(again)).toMatchObject({ replayed: true, repeatToken });
    expect(effects()).toEqual(['create_note']);
    expect(outcome(await call({ repeat_token: repeatToken }))).toMatchObject({
      code: 'succeeded',
      replayed: false,
    });
    expect(effects()).toEqual(['create_note', 'create_note']);
  });

  test.each<[string, object]>([
    ['a state of success', says({ success: false, status: 'created', message: 'label not found' })],
    ['the result of a run', says({ status: 'failed', message: 'test run 12 finished: element not found' })],
    [
      'a JSON-RPC error with an id',
      { error: { code: -32602, message: 'label not found', data: { issue: { id: 12 } } } },
    ],
  ])('by %s runs once', async (_name, answer) => {
    const { call, effects } = answering({ effect: true, ...answer });
    await call();
    await call();
    expect(effects()).toEqual(['create_note']);
  });

  test.each(['create_note', 'pay_invoice'])('as a JSON-RPC error can be ended by the caller of %s', async (tool) => {
    const { call, effects } = answering({ effect: true, ...rpc(-32603, 'Internal error') });
    const first = await call({}, tool);
    expect(outcome(first)).toMatchObject({ code: 'outcome_unknown' });
    expect(allText(first)).not.toMatch(/operator/);
    const { repeatToken } = outcome(first);
    expect(outcome(await call({}, tool))).toMatchObject({ code: 'outcome_unknown', repeatToken });
    expect(effects()).toEqual([tool]);
    expect(outcome(await call({ repeat_token: repeatToken }, tool))).toMatchObject({ code: 'succeeded' });
    expect(effects()).toEqual([tool, tool]);
  });
});

describe('a crash in the middle of a call', () => {
  test('can be ended by the caller, who learns with which tools to check', async () => {
    const { call, effects } = answering({ effect: true, die: true });
    const first = await call();
    expect(outcome(first)).toMatchObject({ code: 'outcome_unknown' });
    expect(allText(first)).toMatch(/Check the upstream, for example with get_note or list_notes or search_notes\./);
    expect(effects()).toEqual(['create_note']);
    const { repeatToken } = outcome(first);
    expect(outcome(await call({ repeat_token: repeatToken }))).toMatchObject({ code: 'succeeded' });
    expect(effects()).toEqual(['create_note', 'create_note']);
  });

  test('is for an operator where money moves, and names what reads the invoice', async () => {
    const { call, effects } = answering({ effect: true, die: true });
    const first = await call({}, 'pay_invoice');
    expect(outcome(first)).toMatchObject({ code: 'outcome_unknown' });
    expect(outcome(first).repeatToken).toBeUndefined();
    expect(allText(first)).toMatch(/for example with get_invoice\. If it took effect, an operator ends it/);
    await call({}, 'pay_invoice');
    expect(effects()).toEqual(['pay_invoice']);
  });
});
