// An MCP server over stdio that behaves as its tests request. Each effect adds a line to the file EFFECTS.
import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const { EFFECTS, STARTS, BEHAVE = '', TOOLS = '' } = process.env;
if (STARTS) appendFileSync(STARTS, `${process.pid}\n`);
if (BEHAVE === 'exit') process.exit(3);
if (BEHAVE === 'junk') process.stdout.write('Listening on stdio!\n{"half":\n[1,2\n\n{"jsonrpc":"2.0"}\n"text"\n');

const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const answer = (id, result) => send({ id, result });
const text = (value) => ({ content: [{ type: 'text', text: value }] });
const object = (properties, more) => ({ type: 'object', properties, ...more });
const asked = new Map();
let nextId = 0;

const tools = [
  {
    name: 'effect',
    description: 'Takes effect.',
    inputSchema: object({ what: { type: 'string' }, mode: { type: 'string' } }),
    'x-unknown': { a: [1] },
  },
  { name: 'get_thing', inputSchema: object({ mode: { type: 'string' } }), annotations: { readOnlyHint: true } },
  {
    name: 'pay',
    inputSchema: object(
      { amount: { type: 'number' }, idempotency_key: { type: 'string' } },
      { required: ['amount', 'idempotency_key'] },
    ),
  },
];
const extra = TOOLS === '' ? [] : TOOLS.split(',').map((name) => ({ name, inputSchema: object({}) }));

const effect = (what) => appendFileSync(EFFECTS, `${what}\n`);
const once = (file) => {
  if (existsSync(file)) return false;
  writeFileSync(file, '');
  return true;
};

const modes = {
  ok: (id, what) =>
    answer(id, { ...text(`done ${what}`), structuredContent: { what }, 'x-unknown': true, _meta: { theirs: 1 } }),
  hang: () => undefined,
  die: () => process.exit(7),
  'hang-once': (id, what) => (once(`${EFFECTS}.hung`) ? undefined : modes.ok(id, what)),
  'die-once': (id, what) => (once(`${EFFECTS}.died`) ? process.exit(7) : modes.ok(id, what)),
  'is-error': (id, what) => answer(id, { ...text(`upstream timed out for ${what}`), isError: true }),
  'rpc-error': (id) => send({ id, error: { code: -32000, message: 'no idea', data: { a: 1 } } }),
  'bad-params': (id) => send({ id, error: { code: -32602, message: 'did not like my own result' } }),
  big: (id) => answer(id, text('x'.repeat(70 * 1024 * 1024))),
  progress: (id, what, params) => {
    const { progressToken } = params._meta ?? {};
    for (const progress of [1, 2, 3])
      send({ method: 'notifications/progress', params: { progressToken, progress, total: 3 } });
    modes.ok(id, what);
  },
  ask: (id, what) =>
    ask('elicitation/create', { message: 'sure?', requestedSchema: object({}) }, (said) =>
      answer(id, text(`${what}: ${said.result?.action}`)),
    ),
  meta: (id, _what, params) => answer(id, text(JSON.stringify(params))),
  slow: (id, what) => setTimeout(() => modes.ok(id, what), Number(what.split(' ')[1])),
  release: (id, what) => {
    const poll = setInterval(() => {
      if (!existsSync(`${EFFECTS}.release`)) return;
      clearInterval(poll);
      modes.ok(id, what);
    }, 20);
  },
};

function ask(method, params, then) {
  const id = nextId++;
  asked.set(id, then);
  send({ id, method, params });
}

function call(id, params) {
  const { name, arguments: args = {} } = params;
  if (name === 'get_thing') return modes[args.mode ?? 'ok'](id, 'thing', params);
  if (name === 'pay') {
    effect(`pay ${args.amount} ${args.idempotency_key}`);
    return answer(id, text('paid'));
  }
  if (extra.some((tool) => tool.name === name)) {
    effect(name);
    return args.mode === 'hang-once' ? modes['hang-once'](id, name) : answer(id, text(`done ${name}`));
  }
  if (name !== 'effect')
    return send({ id, error: { code: -32602, message: `Tool ${name} not found`, data: { kept: true } } });
  const mode = modes[args.mode ?? 'ok'];
  if (!mode) return send({ id, error: { code: -32602, message: `no mode ${args.mode}` } });
  effect(args.what);
  return mode(id, args.what, params);
}

const handlers = {
  initialize: (id, params) =>
    BEHAVE === 'mute' ||
    answer(id, {
      protocolVersion: params.protocolVersion,
      capabilities: { tools: { listChanged: true }, experimental: { theirs: { a: 1 } }, unknown: { b: 2 } },
      serverInfo: { name: 'scripted', version: '9', title: 'Scripted', icons: [{ src: 'data:,x' }], more: 1 },
      instructions: 'Be careful.',
      _meta: { seen: params },
    }),
  'tools/list': (id, params) => {
    const all = [...tools, ...extra];
    const from = Number(params?.cursor ?? 0);
    const next = from + 2;
    answer(id, {
      tools: all.slice(from, next),
      ...(next < all.length ? { nextCursor: String(next) } : {}),
      'x-page': from,
    });
  },
  'tools/call': call,
  'x/echo': (id, params) => answer(id, { method: 'x/echo', params }),
  'x/ask': (id, params) => ask(params.method, params.params, (said) => answer(id, { said })),
  'x/notify': (id, params) => {
    send({ method: params.method, params: params.params });
    answer(id, {});
  },
  'x/die': () => process.exit(9),
  'x/pid': (id) => answer(id, { pid: process.pid }),
  'x/seen': (id) => answer(id, { seen }),
  ping: (id) => answer(id, {}),
};
const seen = [];

createInterface({ input: process.stdin }).on('line', (line) => {
  const message = JSON.parse(line);
  if (message.method === undefined) {
    asked.get(message.id)?.(message);
    asked.delete(message.id);
  } else if (message.id === undefined) seen.push(message);
  else if (handlers[message.method]) handlers[message.method](message.id, message.params);
  else send({ id: message.id, error: { code: -32601, message: `no ${message.method}` } });
});
