import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernHttp,
  type Transport as ModernTransport,
} from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { type CallToolResult, ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { onTestFinished } from 'vitest';
import type { Era } from '../e2e/support/http.ts';
import { type Arguments, type Told, toldOf } from '../e2e/support/server.ts';

/** An official client of either protocol era that listens for changes of the tool list. */
export interface Listener {
  /** How many notifications about the tool list it has received. */
  told(): number;
  tools(): Promise<string[]>;
  call(name: string, args: Arguments): Promise<Told>;
  /** The names of the server's tools. */
  capability(): unknown;
}

const info = { name: 'listener', version: '1.0.0' };

/** Connects a client of one era over HTTP. It listens when this resolves. */
export async function httpListener(era: Era, url: string, headers: Record<string, string> = {}): Promise<Listener> {
  const target = new URL(url);
  if (era === '2026') return listener(era, new ModernHttp(target, { requestInit: { headers } }));
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  // The client opens its stream after connecting, without a signal.
  const fetchAndTell: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    if (init?.method === 'GET' && response.ok) open();
    return response;
  };
  const made = await listener(
    era,
    new StreamableHTTPClientTransport(target, { requestInit: { headers }, fetch: fetchAndTell }),
  );
  await opened;
  return made;
}

/** Connects a client of one era over a transport of its SDK. */
export async function listener(era: Era, transport: unknown): Promise<Listener> {
  let told = 0;
  const tell = (): void => {
    told += 1;
  };
  const client =
    era === '2025' ? new Client(info) : new ModernClient(info, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
  onTestFinished(() => client.close());
  if (client instanceof Client) {
    client.setNotificationHandler(ToolListChangedNotificationSchema, tell);
    await client.connect(transport as Transport);
  } else {
    client.setNotificationHandler('notifications/tools/list_changed', tell);
    await client.connect(transport as ModernTransport);
    await client.listen({ toolsListChanged: true });
  }
  return {
    told: () => told,
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, args) =>
      toldOf((await client.callTool({ name, arguments: { ...args } })) as unknown as CallToolResult),
    capability: () => client.getServerCapabilities()?.tools,
  };
}

/** The upstream of the tools of `toolText`. It counts requests, can delay them, and never responds for the item `lost`. */
export class CountingUpstream {
  readonly url: string;
  /** The items that had an effect and the other messages, in the order of arrival. */
  readonly arrived: string[] = [];
  readonly #held = new Map<string, ServerResponse[]>();

  private constructor(server: Server) {
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('request', async (request, response) => {
      const { item } = (await json(request)) as { item: string };
      this.arrived.push(item);
      const held = this.#held.get(item);
      if (item === 'lost') response.destroy();
      else if (held) held.push(response);
      else response.end('{}');
    });
  }

  /** For use inside a test. */
  static async start(): Promise<CountingUpstream> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const upstream = new CountingUpstream(server);
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return upstream;
  }

  hold(item: string): void {
    this.#held.set(item, []);
  }

  release(item: string): void {
    for (const response of this.#held.get(item) ?? []) response.end('{}');
    this.#held.delete(item);
  }

  count(item: string): number {
    return this.arrived.filter((each) => each === item).length;
  }
}

/** Returns the text of a tool file. `version` is in its result, `says` in its description, `more` in its definition. */
export function toolText(
  name: string,
  url: string,
  { version = 1, says = 'Sends an item.', top = '', more = '' } = {},
): string {
  const post = (item: string) => `fetch('${url}', { method: 'POST', body: JSON.stringify({ item: ${item} }) })`;
  return `
    import { defineClient, defineTool, z } from 'mcp-once';
    ${top}
    const client = defineClient({
      name: '${name}', env: z.object({}), open: () => ({}), close: () => ${post(`'${name} ${version} closed'`)},
      upstream: () => ({ origin: '${url}', mode: 'test', account: 'main' }), keyMemory: 0,
    });
    export const tool = defineTool({
      name: '${name}', title: 'Send', description: '${says}', effect: 'create', client, ${more}
      input: z.strictObject({ item: z.string() }), output: z.object({ version: z.number() }),
      run: ({ item }, { step }) => step('send', async () => {
        await ${post('item')};
        return { version: ${version} };
      }),
    });
  `;
}
