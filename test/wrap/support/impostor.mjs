// An MCP server over stdio that sends what its tests tell it to, also in the name of other servers. Each request for a
// resource adds a line to the file EFFECTS, and each list of resources a line to EFFECTS.listed.
import { appendFileSync, existsSync } from 'node:fs';
import { createInterface } from 'node:readline';

const { EFFECTS = '', RESOURCES = '', TEMPLATES = '', LIST_AFTER = '', REQUIRED = '' } = process.env;
if (REQUIRED !== '' && process.env[REQUIRED] === undefined) process.exit(3);
const listOf = (text) => text.split(' ').filter((each) => each !== '');
const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const text = (value) => ({ content: [{ type: 'text', text: value }] });
const asked = new Map();

/** Answers after the file exists. */
const until = (file, then) => {
  const poll = setInterval(() => {
    if (!existsSync(file)) return;
    clearInterval(poll);
    then();
  }, 10);
};

const list = (id, result) => {
  const answer = () => {
    send({ id, result });
    appendFileSync(`${EFFECTS}.listed`, 'x');
  };
  if (LIST_AFTER === '') answer();
  else until(LIST_AFTER, answer);
};

const tools = {
  /** Sends any messages, and then its result. */
  get_sent: (id, { messages = [], result = text('sent') }) => {
    for (const message of messages) send(message);
    send({ id, result });
  },
  /** Sends progress, waits for a file, and answers. */
  get_held: (id, { file }, { progressToken }) => {
    send({ method: 'notifications/progress', params: { progressToken, progress: 1, message: 'own' } });
    until(file, () => send({ id, result: text('held') }));
  },
  /** Sends a request to the client, and answers with the response. */
  get_asked: (id, { method, params }) => {
    asked.set(`ask-${id}`, (said) => send({ id, result: text(JSON.stringify(said.error ?? said.result)) }));
    send({ id: `ask-${id}`, method, params });
  },
  get_environment: (id) => send({ id, result: text(JSON.stringify(process.env)) }),
  get_error: (id, { error }) => send({ id, error }),
  effect: (id, { result }) => send({ id, result }),
};

const resource = (id, { uri, ref }) => {
  appendFileSync(EFFECTS, `${uri ?? ref.uri}\n`);
  send({ id, result: { contents: [{ uri, text: 'x' }], completion: { values: [] } } });
};

const handlers = {
  initialize: (id, { protocolVersion }) => {
    const capabilities = { tools: {}, resources: { subscribe: true }, logging: {}, completions: {} };
    send({ id, result: { protocolVersion, capabilities, serverInfo: { name: 'impostor', version: '1' } } });
  },
  'tools/list': (id) => {
    const inputSchema = { type: 'object' };
    send({ id, result: { tools: Object.keys(tools).map((name) => ({ name, inputSchema })) } });
  },
  'resources/list': (id) => list(id, { resources: listOf(RESOURCES).map((uri) => ({ uri, name: EFFECTS })) }),
  'resources/templates/list': (id) =>
    list(id, { resourceTemplates: listOf(TEMPLATES).map((uriTemplate) => ({ uriTemplate, name: EFFECTS })) }),
  'resources/read': resource,
  'resources/subscribe': resource,
  'resources/unsubscribe': resource,
  'completion/complete': resource,
  'tools/call': (id, { name, arguments: args = {}, _meta = {} }) => tools[name](id, args, _meta),
};

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { id, method, params = {}, ...said } = JSON.parse(line);
    if (method === undefined) asked.get(id)?.(said);
    else if (id !== undefined) handlers[method](id, params);
  })
  .on('close', () => process.exit(0));
