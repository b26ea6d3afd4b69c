import { packageVersion } from '../command/cli.ts';
import { systemClock, within } from '../core/clock.ts';
import { isObject } from '../core/json.ts';
import { methodNotFound } from '../server/jsonrpc-codes.ts';
import type { McpTool } from './policy/types.ts';
import { type Link, type OpenLink, ServerFault } from './relay/link.ts';
import {
  isNotification,
  isRequest,
  type RpcId,
  type RpcMessage,
  type RpcParams,
  serverNameOf,
} from './relay/message.ts';

const protocolVersion = '2025-11-25';
const pagesMax = 1_000;

/** The server to list, and its time limit. */
export interface ListingOptions {
  readonly open: OpenLink;
  /** The time limit for each response, in ms. */
  readonly answerMs: number;
}

/** A server's tools, and the name that it gives itself. */
export interface ServerListing {
  readonly serverName?: string | undefined;
  readonly tools: readonly McpTool[];
}

/**
 * Lists all tools of a server over a connection that is closed afterwards. Calls no tool.
 *
 * @throws ServerFault, or an Error that names the missing response.
 */
export async function listTools({ open, answerMs }: ListingOptions): Promise<ServerListing> {
  const client = new ListingClient(open, answerMs);
  try {
    await client.start();
    const clientInfo = { name: 'mcp-once', version: packageVersion() };
    const {
      protocolVersion: agreed,
      capabilities,
      serverInfo,
    } = await client.request('initialize', {
      protocolVersion,
      capabilities: {},
      clientInfo,
    });
    await client.confirm(agreed);
    const tools = isObject(capabilities) && capabilities.tools === undefined ? [] : await readPages(client);
    return { serverName: serverNameOf(serverInfo), tools };
  } finally {
    await client.close();
  }
}

async function readPages(client: ListingClient): Promise<readonly McpTool[]> {
  const listed: McpTool[] = [];
  let cursor: unknown;
  for (let page = 0; page < pagesMax; page += 1) {
    const { tools, nextCursor } = await client.request('tools/list', cursor === undefined ? {} : { cursor });
    if (Array.isArray(tools)) listed.push(...tools.filter(isMcpTool));
    if (typeof nextCursor !== 'string') break;
    cursor = nextCursor;
  }
  return listed;
}

interface Waiting {
  resolve(result: Readonly<Record<string, unknown>>): void;
  reject(error: Error): void;
}

/** A minimal client that sends one request after the other, and declines the server's own requests. */
class ListingClient {
  readonly #link: Link;
  readonly #answerMs: number;
  readonly #waiting = new Map<RpcId, Waiting>();
  #id = 0;
  #ended: Error | undefined;

  constructor(open: OpenLink, answerMs: number) {
    this.#answerMs = answerMs;
    this.#link = open({
      message: (message) => this.#take(message),
      lost: (id, fault) => this.#waiting.get(id)?.reject(fault),
      closed: (reason) => this.#end(new Error(reason)),
      warning: () => undefined,
    });
  }

  start(): Promise<void> {
    return this.#bounded('start', this.#link.start());
  }

  async confirm(agreed: unknown): Promise<void> {
    this.#link.setProtocolVersion(typeof agreed === 'string' ? agreed : protocolVersion);
    await this.#link.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
  }

  async request(method: string, params: RpcParams): Promise<Readonly<Record<string, unknown>>> {
    if (this.#ended) throw this.#ended;
    this.#id += 1;
    const id = this.#id;
    const answered = new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
    try {
      // Both at once: the response may arrive, or the link may end, before `send` resolves.
      const sent = this.#link.send({ jsonrpc: '2.0', id, method, params });
      const [result] = await this.#bounded(`answer ${method}`, Promise.all([answered, sent]));
      return result;
    } finally {
      this.#waiting.delete(id);
    }
  }

  close(): Promise<void> {
    return this.#link.close();
  }

  #bounded<T>(what: string, work: Promise<T>): Promise<T> {
    return within(systemClock, work, this.#answerMs, () => {
      throw new Error(`the server did not ${what} within ${this.#answerMs / 1_000} s`);
    });
  }

  #take(message: RpcMessage): void {
    if (isNotification(message)) return;
    if (isRequest(message)) {
      const { id, method } = message;
      const answer = method === 'ping' ? { result: {} } : { error: { code: methodNotFound, message: 'not supported' } };
      this.#link.send({ jsonrpc: '2.0', id, ...answer }).catch(() => undefined);
      return;
    }
    const { result, error } = message;
    const waiting = this.#waiting.get(message.id);
    if (result) waiting?.resolve(result);
    else
      waiting?.reject(
        new ServerFault('not_executed', `the server answered with the error ${error?.code}: ${error?.message}`),
      );
  }

  #end(error: Error): void {
    this.#ended = error;
    for (const { reject } of this.#waiting.values()) reject(error);
  }
}

function isMcpTool(value: unknown): value is McpTool {
  return isObject(value) && typeof value.name === 'string' && isObject(value.inputSchema);
}
