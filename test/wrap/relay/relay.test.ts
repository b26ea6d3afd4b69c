import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Message, stage } from '../support/wrap.ts';

const elicitation = { message: 'sure?', requestedSchema: { type: 'object', properties: {} } };

test('passes initialize and its response unchanged, with unknown fields', async () => {
  const { wrapped, direct } = stage();
  const params = {
    capabilities: { roots: { listChanged: true }, sampling: {}, unknown: { a: [null, 1] } },
    clientInfo: { name: 'c', version: '1', title: 'C', more: 1 },
    other: { x: 1 },
  };
  const [through, straight] = await Promise.all([wrapped().initialize(params), direct().initialize(params)]);
  expect(through).toEqual(straight);
  expect(through.result._meta.seen.other).toEqual({ x: 1 });
});

test('passes unknown methods, notifications, errors and fields both ways under their ids', async () => {
  const { wrapped } = stage();
  const client = wrapped();
  await client.initialize();
  const params = { a: 1, _meta: { b: 2, progressToken: 'p' }, ünï: [null] };
  expect(await client.ask('x/echo', params, 'an-id')).toEqual({
    jsonrpc: '2.0',
    id: 'an-id',
    result: { method: 'x/echo', params },
  });
  expect(await client.ask('x/nothing', {}, 77)).toEqual({
    jsonrpc: '2.0',
    id: 77,
    error: { code: -32601, message: 'no x/nothing' },
  });
  client.send({ method: 'notifications/x-new', params: { deep: { er: 1 } } });
  const { result } = await client.ask('x/seen');
  expect(result.seen.map(({ method }: Message) => method)).toEqual([
    'notifications/initialized',
    'notifications/x-new',
  ]);
  await client.ask('x/notify', { method: 'notifications/x-theirs', params: { y: [1] } });
  expect(client.heard).toContainEqual({ jsonrpc: '2.0', method: 'notifications/x-theirs', params: { y: [1] } });
});

test('passes a request of the server to the client, and its response back', async () => {
  const { wrapped } = stage();
  const client = wrapped();
  await client.initialize({ capabilities: { sampling: {} } });
  const answered = client.ask('x/ask', { method: 'sampling/createMessage', params: { messages: [], z: 1 } });
  const asked = await client.until(({ method }) => method === 'sampling/createMessage');
  expect(asked).toEqual({ jsonrpc: '2.0', id: 0, method: 'sampling/createMessage', params: { messages: [], z: 1 } });
  client.send({ id: 0, result: { role: 'assistant', w: 2 } });
  expect((await answered).result.said).toEqual({ jsonrpc: '2.0', id: 0, result: { role: 'assistant', w: 2 } });
});

test('passes tools/list page by page, with repeat_token and without the key field', async () => {
  const { wrapped, direct } = stage();
  const list = async (client: ReturnType<typeof wrapped>) => {
    await client.initialize();
    return [await client.ask('tools/list', {}), await client.ask('tools/list', { cursor: '2' })];
  };
  const [through, straight] = await Promise.all([list(wrapped()), list(direct())]);
  const [effect] = through[0].result.tools;
  expect(Object.keys(effect.inputSchema.properties)).toEqual(['what', 'mode', 'repeat_token']);
  delete effect.inputSchema.properties.repeat_token;
  expect(through[0]).toEqual(straight[0]);
  const pay = through[1].result.tools[0].inputSchema;
  expect(pay.required).toEqual(['amount']);
  expect(Object.keys(pay.properties)).not.toContain('idempotency_key');
  expect(through[1].result['x-page']).toBe(2);
});

test('executes a guarded call once, and replays the first result with a note', async () => {
  const { wrapped, effects } = stage();
  const client = wrapped();
  await client.initialize();
  const first = await client.call('effect', { what: 'a' });
  const second = await client.call('effect', { what: 'a' });
  expect(effects()).toEqual(['a']);
  expect(first.result).toMatchObject({ structuredContent: { what: 'a' }, 'x-unknown': true, _meta: { theirs: 1 } });
  expect(first.result._meta['mcp-once/outcome']).toMatchObject({ code: 'succeeded', replayed: false });
  expect(second.result._meta['mcp-once/outcome']).toMatchObject({ replayed: true });
  expect(second.result.content[0]).toEqual(first.result.content[0]);
  const { repeatToken } = second.result._meta['mcp-once/outcome'];
  await client.call('effect', { what: 'a', repeat_token: repeatToken });
  expect(effects()).toEqual(['a', 'a']);
});

test('control: executes the same call twice without the proxy', async () => {
  const { direct, effects } = stage();
  const client = direct();
  await client.initialize();
  await client.call('effect', { what: 'a' });
  await client.call('effect', { what: 'a' });
  expect(effects()).toEqual(['a', 'a']);
});

test('guards a tool on a later page that is called before any list', async () => {
  const { wrapped, effects } = stage();
  const client = wrapped();
  await client.initialize();
  await Promise.all([client.call('pay', { amount: 1 }), client.call('pay', { amount: 1 })]);
  expect(effects()).toHaveLength(1);
  expect(effects()[0]).toMatch(/^pay 1 [0-9a-f]{8}-[0-9a-f-]{27}$/);
});

test('sends the caller’s _meta and unknown params with a guarded call, and passes progress back', async () => {
  const { wrapped } = stage();
  const client = wrapped();
  await client.initialize();
  const _meta = { progressToken: 'tok', theirs: { a: 1 } };
  const told = await client.call('effect', { what: 'm', mode: 'meta' }, { _meta, other: 5 });
  expect(JSON.parse(told.result.content[0].text)).toMatchObject({ name: 'effect', _meta, other: 5 });
  await client.call('effect', { what: 'p', mode: 'progress' }, { _meta });
  const progress = client.heard.filter(({ method }) => method === 'notifications/progress');
  expect(progress.map(({ params }) => params.progress)).toEqual([1, 2, 3]);
});

test('passes the request of a server during a guarded call to the client', async () => {
  const { wrapped } = stage();
  const client = wrapped();
  await client.initialize({ capabilities: { elicitation: {} } });
  const told = client.call('effect', { what: 'q', mode: 'ask' });
  const asked = await client.until(({ method }) => method === 'elicitation/create');
  expect(asked.params).toEqual(elicitation);
  client.send({ id: asked.id, result: { action: 'accept' } });
  expect((await told).result.content[0].text).toBe('q: accept');
});

test('passes on the server’s error for an unknown tool', async () => {
  const { wrapped, direct } = stage();
  const [through, straight] = [wrapped(), direct()];
  await Promise.all([through.initialize(), straight.initialize()]);
  expect(await through.call('nope', {})).toEqual(await straight.call('nope', {}));
});

test('continues a cancelled guarded call, and passes on the cancellation of another call', async () => {
  const { wrapped, effects, releaseFile } = stage();
  const client = wrapped();
  await client.initialize();
  const cancelled = {
    id: 'gone',
    method: 'tools/call',
    params: { name: 'effect', arguments: { what: 'c', mode: 'release' } },
  };
  client.send(cancelled);
  await expect.poll(effects).toEqual(['c']);
  client.send({ method: 'notifications/cancelled', params: { requestId: 'gone' } });
  client.send({ id: 'read', method: 'tools/call', params: { name: 'get_thing', arguments: { mode: 'hang' } } });
  client.send({ method: 'notifications/cancelled', params: { requestId: 'read', reason: 'enough' } });
  const { result } = await client.ask('x/seen');
  expect(result.seen.slice(1)).toEqual([
    { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'read', reason: 'enough' } },
  ]);
  const again = client.call('effect', { what: 'c', mode: 'release' });
  writeFileSync(releaseFile, '');
  expect((await again).result._meta['mcp-once/outcome']).toMatchObject({ code: 'succeeded', replayed: true });
  expect(effects()).toEqual(['c']);
  expect(client.heard.filter(({ id }) => id === 'gone')).toEqual([]);
});

test('answers 64 concurrent calls independently of each other', async () => {
  const { wrapped, effects, releaseFile } = stage();
  const client = wrapped();
  await client.initialize();
  await client.ask('tools/list', {});
  const held = Array.from({ length: 32 }, (_, index) => client.call('effect', { what: `h${index}`, mode: 'release' }));
  const others = Array.from({ length: 32 }, (_, index) => client.call('effect', { what: `w${index}` }));
  await Promise.all(others);
  expect(await Promise.race([...held, 'held'])).toBe('held');
  await expect.poll(effects).toHaveLength(64);
  writeFileSync(releaseFile, '');
  await Promise.all(held);
  expect(effects()).toHaveLength(64);
});
