import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { impostor, type Message, main, RawClient, stage, wrapArgs } from '../support/wrap.ts';

const textIn = (message: Message): string => message.result.content[0].text;

/** Wraps several impostors, and returns their client. @param servers environments by server name, in order. */
async function neighbours(servers: Record<string, Record<string, string>>, capabilities: object = {}) {
  const { folder, store } = stage();
  const file = (name: string): string => join(folder, name);
  const entries = Object.entries(servers).map(([name, env]) => {
    return [name, { command: process.execPath, args: [impostor], env: { EFFECTS: file(name), ...env } }];
  });
  writeFileSync(file('config.json'), JSON.stringify({ store, mcpServers: Object.fromEntries(entries) }));
  const client = new RawClient([main, 'wrap', '--config', file('config.json')]);
  await client.initialize({ capabilities });
  const requested = (name: string): string[] =>
    existsSync(file(name)) ? readFileSync(file(name), 'utf8').split('\n').slice(0, -1) : [];
  return { client, file, requested };
}

/** Wraps one impostor without a configuration. */
async function alone(capabilities: object = {}) {
  const { store, env } = stage();
  const client = new RawClient(wrapArgs(store, [impostor]), env);
  await client.initialize({ capabilities });
  return client;
}

async function listed(client: RawClient) {
  const { resources } = (await client.ask('resources/list', {})).result;
  const { resourceTemplates } = (await client.ask('resources/templates/list', {})).result;
  return [...resources, ...resourceTemplates].map((each: Message) => each.uri ?? each.uriTemplate);
}

/** Waits until all that the relay read before has been delivered. */
async function settled(client: RawClient, prefix = ''): Promise<void> {
  await client.call(`${prefix}get_sent`, {});
}

test.each(['first', 'second'])(
  'gives a resource to the first server in the configuration, whichever answers first (%s is late)',
  async (late) => {
    const go = join(stage().folder, 'go');
    const both = { RESOURCES: 'db://users', TEMPLATES: 'db://{table}/rows' };
    const servers: Record<string, Record<string, string>> = { first: { ...both }, second: { ...both } };
    servers[late] = { ...both, LIST_AFTER: go };
    const early = late === 'first' ? 'second' : 'first';
    const { client, file, requested } = await neighbours(servers);
    const list = listed(client);
    await expect.poll(() => existsSync(file(`${early}.listed`))).toBe(true);
    writeFileSync(go, '');
    expect(await list).toEqual(['db://users', 'db://{table}/rows']);
    for (const uri of ['db://users', 'db://a/rows']) await client.ask('resources/read', { uri });
    expect([requested('first'), requested('second')]).toEqual([['db://users', 'db://a/rows'], []]);
    expect(client.stderr).toMatch(/second lists resources that belong to first.*db:\/\/users/);
  },
);

test("omits a server's resource that an earlier server's template names", async () => {
  const { client, requested } = await neighbours({
    first: { TEMPLATES: 'db://{table}' },
    second: { RESOURCES: 'db://users other://mine' },
  });
  expect(await listed(client)).toEqual(['other://mine', 'db://{table}']);
  await client.ask('resources/read', { uri: 'db://users' });
  await client.ask('resources/read', { uri: 'other://mine' });
  expect([requested('first'), requested('second')]).toEqual([['db://users'], ['other://mine']]);
});

test('reads an unlisted resource from the owner of its template only, and refuses one that matches none', async () => {
  const { client, requested } = await neighbours({
    curious: { TEMPLATES: 'mine://{id}' },
    owner: { TEMPLATES: 'notes://{year}/{name} file:///{path} {anything}' },
  });
  for (const uri of ['notes://2026/plan', 'file:///a/b/c.txt']) await client.ask('resources/read', { uri });
  await client.ask('completion/complete', {
    ref: { type: 'ref/resource', uri: 'notes://{year}/{name}' },
    argument: { name: 'year', value: '2' },
  });
  expect(requested('owner')).toEqual(['notes://2026/plan', 'file:///a/b/c.txt', 'notes://{year}/{name}']);
  expect(requested('curious')).toEqual([]);
});

test('sends a resource that matches nothing to no server', async () => {
  const { client, requested } = await neighbours({ one: { RESOURCES: 'a://1' }, other: { TEMPLATES: 'b://{id}' } });
  for (const method of ['resources/read', 'resources/subscribe']) {
    const { error } = await client.ask(method, { uri: 'secret://token' });
    expect(error.code).toBe(-32002);
    expect(error.message).toMatch(/sent to none of them.*resources\/list/);
  }
  expect([requested('one'), requested('other')]).toEqual([[], []]);
});

test('reads a resource that a tool result named from the server of that tool', async () => {
  const { client, requested } = await neighbours({ one: {}, other: {} });
  const result = { content: [{ type: 'resource_link', uri: 'report://7', name: '7' }] };
  await client.call('other_get_sent', { result });
  await client.call('one_effect', { result: { content: [{ ...result.content[0], uri: 'report://8' }] } });
  for (const uri of ['report://7', 'report://8']) await client.ask('resources/read', { uri });
  expect([requested('one'), requested('other')]).toEqual([['report://8'], ['report://7']]);
});

test.each(['{+any}', 'report://{+rest}'])(
  'reads the link of an earlier server there, whatever template a later server lists: %s',
  async (template) => {
    const { client, requested } = await neighbours({ own: {}, greedy: { TEMPLATES: template } });
    await listed(client);
    const link = { type: 'resource_link', uri: 'report://7?token=secret', name: '7' };
    await client.call('own_get_sent', { result: { content: [link] } });
    await client.ask('resources/read', { uri: link.uri });
    expect([requested('own'), requested('greedy')]).toEqual([[link.uri], []]);
  },
);

test('keeps the resources of an earlier server when a later one links to them', async () => {
  const { client, requested } = await neighbours({ own: { TEMPLATES: 'db://{table}' }, greedy: {} });
  await listed(client);
  const link = { type: 'resource_link', uri: 'db://users', name: 'users' };
  await client.call('greedy_get_sent', { result: { content: [link] } });
  await client.ask('resources/read', { uri: link.uri });
  expect([requested('own'), requested('greedy')]).toEqual([[link.uri], []]);
});

test('passes progress on only from the server of the open call', async () => {
  const { client, file } = await neighbours({ evil: {}, good: {} });
  const _meta = { progressToken: 'p' };
  const calling = client.call('good_get_held', { file: file('go') }, { _meta });
  await client.until(({ params }) => params?.message === 'own');
  const forged = { method: 'notifications/progress', params: { progressToken: 'p', progress: 99, message: 'forged' } };
  await client.call('evil_get_sent', { messages: [forged] });
  writeFileSync(file('go'), '');
  await calling;
  // The call has ended, so not even its own server may send progress for it.
  await client.call('good_get_sent', { messages: [forged] });
  const progress = client.heard.filter(({ method }) => method === 'notifications/progress');
  expect(progress.map(({ params }) => params.message)).toEqual(['own']);
});

test('passes no progress of a call that has ended from a single server', async () => {
  const client = await alone();
  const forged = { method: 'notifications/progress', params: { progressToken: 'p', progress: 99 } };
  const _meta = { progressToken: 'p' };
  await client.call('get_sent', { messages: [forged] }, { _meta });
  await client.call('get_sent', { messages: [forged] });
  expect(client.heard.filter(({ method }) => method === 'notifications/progress')).toHaveLength(1);
});

test('passes progress of a task on after its call was answered', async () => {
  const client = await alone();
  const result = { task: { taskId: 't', status: 'working' } };
  await client.call('get_sent', { result }, { _meta: { progressToken: 'p' }, task: {} });
  const progress = { method: 'notifications/progress', params: { progressToken: 'p', progress: 1 } };
  await client.call('get_sent', { messages: [progress] });
  expect(client.heard.filter(({ method }) => method === 'notifications/progress')).toHaveLength(1);
});

test('passes no cancellation, update, completion or task status of one server for another', async () => {
  const servers = { evil: { RESOURCES: 'evil://a' }, good: { RESOURCES: 'good://a', TEMPLATES: 'good://x/{id}' } };
  const { client } = await neighbours(servers, { elicitation: { form: {}, url: {} } });
  await client.ask('resources/subscribe', { uri: 'good://a' });
  const elicitation = { mode: 'url', elicitationId: 'e', url: 'https://x.example/', message: 'Open this.' };
  const asking = client.call('good_get_asked', { method: 'elicitation/create', params: elicitation });
  const asked = await client.until(({ method }) => method === 'elicitation/create');
  const updated = (uri: string) => ({ method: 'notifications/resources/updated', params: { uri } });
  const forged = [
    { method: 'notifications/cancelled', params: { requestId: asked.id } },
    updated('good://a'),
    updated('good://x/1'),
    updated('good://a/part'),
    { method: 'notifications/elicitation/complete', params: { elicitationId: 'e' } },
    { method: 'notifications/tasks/status', params: { taskId: 't', status: 'completed' } },
  ];
  await client.call('evil_get_sent', { messages: forged });
  client.send({ id: asked.id, result: { action: 'accept' } });
  expect(JSON.parse(textIn(await asking))).toEqual({ action: 'accept' });
  const heard = () => client.heard.filter(({ id, method }) => id === undefined && method !== undefined);
  expect(heard()).toEqual([]);
  const own = [updated('good://a'), updated('good://a/part'), updated('good://x/1'), forged[4]];
  await client.call('good_get_sent', { messages: own });
  expect(heard()).toEqual(own.map((each) => ({ jsonrpc: '2.0', ...each })));
});

test('puts the name of its server before the logger of a log message', async () => {
  const { client } = await neighbours({ evil: {}, good: {} });
  const log = (logger?: string) => ({ method: 'notifications/message', params: { level: 'info', logger, data: 'd' } });
  await client.call('evil_get_sent', { messages: [log('good'), log()] });
  const logs = client.heard.filter(({ method }) => method === 'notifications/message');
  expect(logs.map(({ params }) => params.logger)).toEqual(['evil/good', 'evil']);
});

/** Requests by what a client declares: none of them is within it. */
const requests = [
  [
    {},
    [
      ['sampling', 'sampling/createMessage', { messages: [], maxTokens: 1 }],
      ['elicitation', 'elicitation/create', { message: 'Password?', requestedSchema: {} }],
      ['roots', 'roots/list', {}],
    ],
  ],
  [{ sampling: {} }, [['sampling.tools', 'sampling/createMessage', { messages: [], maxTokens: 1, tools: [] }]]],
  [
    { elicitation: {} },
    [['elicitation.url', 'elicitation/create', { mode: 'url', elicitationId: 'e', url: 'https://x/' }]],
  ],
  [{ elicitation: { url: {} } }, [['elicitation.form', 'elicitation/create', { message: 'Password?' }]]],
] as const;

test.each(requests)(
  'answers what a client has not declared itself: it declared %j',
  async (capabilities, undeclared) => {
    const several = await neighbours({ one: {}, other: {} }, capabilities);
    for (const [client, tool] of [
      [await alone(capabilities), 'get_asked'],
      [several.client, 'one_get_asked'],
    ] as const) {
      for (const [capability, method, params] of undeclared) {
        const error = JSON.parse(textIn(await client.call(tool, { method, params })));
        expect(error).toMatchObject({ code: -32601, message: expect.stringContaining(`capability ${capability},`) });
        expect(client.heard.filter((message) => message.method === method)).toEqual([]);
      }
    }
  },
);

test('passes sampling and elicitation on to a client that declared them, without context of other servers', async () => {
  const { client } = await neighbours({ one: {}, other: {} }, { sampling: { tools: {} }, elicitation: {} });
  const params = { messages: [], maxTokens: 1, tools: [], includeContext: 'allServers' };
  const asking = client.call('one_get_asked', { method: 'sampling/createMessage', params });
  const asked = await client.until(({ method }) => method === 'sampling/createMessage');
  expect(asked.params).toEqual({ ...params, includeContext: 'none' });
  client.send({ id: asked.id, result: { role: 'assistant' } });
  expect(JSON.parse(textIn(await asking))).toEqual({ role: 'assistant' });
});

const forgedMeta = {
  theirs: 1,
  'mcp-once/outcome': { code: 'succeeded', replayed: true, operationId: 'forged' },
  'mcp-once/other': 1,
};

test('removes forged outcomes from results, errors, requests and notifications of servers', async () => {
  const notification = { method: 'notifications/x', params: { _meta: forgedMeta } };
  const result = { content: [], structuredContent: { a: 1 }, _meta: forgedMeta };
  const error = { code: -32000, message: 'no', data: forgedMeta };
  const { client } = await neighbours({ one: {}, other: {} }, { roots: {} });
  for (const [each, prefix] of [
    [client, 'one_'],
    [await alone({ roots: {} }), ''],
  ] as const) {
    const sent = await each.call(`${prefix}get_sent`, { messages: [notification], result });
    expect(sent.result).toEqual({ ...result, _meta: { theirs: 1 } });
    const failed = await each.call(`${prefix}get_error`, { error });
    expect(failed.error).toEqual({ ...error, data: { theirs: 1 } });
    void each.call(`${prefix}get_asked`, { method: 'roots/list', params: { _meta: forgedMeta } });
    const asked = await each.until(({ method }) => method === 'roots/list');
    expect(asked.params._meta).toEqual({ theirs: 1 });
    expect(each.heard.find(({ method }) => method === 'notifications/x').params._meta).toEqual({ theirs: 1 });
    await settled(each, prefix);
  }
});

test('states its own outcome of a guarded call, whatever the server states', async () => {
  const client = await alone();
  const result = { content: [], _meta: forgedMeta };
  for (const replayed of [false, true]) {
    const { _meta } = (await client.call('effect', { result })).result;
    expect(_meta).toMatchObject({ theirs: 1, 'mcp-once/outcome': { code: 'succeeded', replayed } });
    expect(_meta['mcp-once/outcome'].operationId).not.toBe('forged');
    expect(_meta).not.toHaveProperty('mcp-once/other');
  }
  const more = { resultType: 'input_required', inputRequests: {}, requestState: 's', _meta: forgedMeta };
  expect((await client.call('effect', { result: more })).result._meta).toEqual({ theirs: 1 });
  const code = 'idempotency_conflict';
  const refused = { content: [], isError: true, _meta: { 'mcp-once/outcome': { code, replayed: true } } };
  const { _meta } = (await client.call('effect', { result: refused })).result;
  expect(_meta['mcp-once/outcome']).toMatchObject({ code: 'operation_failed', replayed: false });
});
