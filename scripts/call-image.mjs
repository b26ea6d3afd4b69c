// Calls a tool twice at a server over HTTP, for the check of the container image. Usage: node scripts/call-image.mjs URL
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const client = new Client({ name: 'image-check', version: '1.0.0' });
await client.connect(new StreamableHTTPClientTransport(new URL(process.argv[2])));
const call = () =>
  client.callTool({ name: 'create_customer', arguments: { name: 'Ada Lovelace', email: 'ada@example.com' } });
const [first, second] = [await call(), await call()];
await client.close();
if (second._meta?.['mcp-once/outcome']?.replayed !== true) throw new Error(`not replayed: ${JSON.stringify(second)}`);
console.log(`create_customer made ${first.structuredContent.id}, and the repeat was replayed`);
