// An MCP server over stdio with a tool of each payment protocol. Each effect adds its arguments and `_meta` to the file
// EFFECTS. With DIES, the process ends after its first effect, before its answer. A key that is known has no new effect.
//
// UCP: ucp.dev, specification/checkout-mcp and services/shopping/mcp.openrpc.json
// ACP: agentic-commerce-protocol, docs/mcp-binding.md
// x402: x402-foundation/x402, specs/transports-v2/mcp.md and specs/extensions/payment_identifier.md
// AP2: google-agentic-commerce/AP2, the sample role merchant_agent_mcp
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const { EFFECTS, DIES } = process.env;
const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const text = { type: 'string' };
const object = (properties, required = []) => ({ type: 'object', properties, required });

const ucpMeta = {
  allOf: [{ $ref: '#/$defs/meta' }, { required: ['ucp-agent', 'idempotency-key'] }],
};
const $defs = {
  meta: object({ 'ucp-agent': object({ profile: text }, ['profile']), 'idempotency-key': { ...text, format: 'uuid' } }),
};
const tools = [
  {
    name: 'complete_checkout',
    inputSchema: {
      ...object({ meta: ucpMeta, id: text, checkout: { type: 'object' } }, ['meta', 'id', 'checkout']),
      $defs,
    },
  },
  {
    name: 'complete_checkout_session',
    inputSchema: object(
      {
        meta: object({ api_version: text, idempotency_key: text, request_id: text, signature: text, timestamp: text }, [
          'api_version',
        ]),
        id: text,
        payload: { type: 'object' },
      },
      ['meta', 'id', 'payload'],
    ),
  },
  {
    name: 'pay_with_identifier',
    inputSchema: object(
      {
        resource: text,
        payment: object({
          extensions: object({
            'payment-identifier': object({
              info: object({ required: { type: 'boolean' }, id: { ...text, minLength: 16, maxLength: 128 } }),
            }),
          }),
        }),
      },
      ['resource'],
    ),
  },
  { name: 'buy_report', inputSchema: object({ name: text }, ['name']) },
  {
    name: 'ap2_complete_checkout',
    description: 'Complete checkout: verify the checkout mandate SD-JWT chain.',
    inputSchema: object({ payment_token: text, checkout_mandate_id: text, checkout_nonce: text }, [
      'payment_token',
      'checkout_mandate_id',
      'checkout_nonce',
    ]),
  },
];

const linesOf = () =>
  existsSync(EFFECTS)
    ? readFileSync(EFFECTS, 'utf8')
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line))
    : [];
const identifierIn = (holder) => holder?.extensions?.['payment-identifier']?.info?.id;
const keyOf = (args, meta) =>
  args.meta?.['idempotency-key'] ??
  args.meta?.idempotency_key ??
  identifierIn(args.payment) ??
  identifierIn(meta?.['x402/payment']);

function call(id, { name, arguments: args = {}, _meta: meta }) {
  const schema = tools.find((tool) => tool.name === name)?.inputSchema;
  if (name === 'complete_checkout' && args.meta?.['idempotency-key'] === undefined) {
    send({ id, error: { code: -32602, message: 'meta["idempotency-key"] is required' } });
    return;
  }
  if (name === 'buy_report' && meta?.['x402/payment'] === undefined) {
    const required = {
      x402Version: 2,
      error: 'Payment required to access this resource',
      resource: { url: 'mcp://tool/buy_report' },
      accepts: [{ scheme: 'exact', amount: '10000' }],
    };
    send({
      id,
      result: {
        isError: true,
        structuredContent: required,
        content: [{ type: 'text', text: JSON.stringify(required) }],
      },
    });
    return;
  }
  if (schema === undefined) {
    send({ id, error: { code: -32602, message: `no tool ${name}` } });
    return;
  }
  const key = keyOf(args, meta);
  const known = key !== undefined && linesOf().some((line) => line.key === key);
  if (!known) appendFileSync(EFFECTS, `${JSON.stringify({ name, args, meta, key })}\n`);
  if (DIES && !existsSync(`${EFFECTS}.died`)) {
    writeFileSync(`${EFFECTS}.died`, '');
    process.exit(1);
  }
  send({ id, result: { content: [{ type: 'text', text: `order ${linesOf().length}` }] } });
}

const handlers = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: 'shop', version: '1' },
  }),
  'tools/list': () => ({ tools }),
  ping: () => ({}),
};

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  if (method === 'tools/call') call(id, params);
  else if (handlers[method]) send({ id, result: handlers[method](params ?? {}) });
  else send({ id, error: { code: -32601, message: `no ${method}` } });
});
