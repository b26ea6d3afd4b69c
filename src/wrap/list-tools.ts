import { packageVersion } from '../command/cli.ts';
import { systemClock, within } from '../core/clock.ts';
import type { McpTool } from './policy/types.ts';
import { type Link, type OpenLink, ServerFault } from './relay/link.ts';
import { isNotification, isObject, isRequest, type RpcId, type RpcMessage, type RpcParams } from './relay/message.ts';

const protocolVersion = '2025-11-25';
const pagesMax = 1_000;
/** JSON-RPC 2.0, section 5.1: method not found. */
const methodNotFound = -32_601;

/** A server to ask. */
export interface ListingOptions {
  readonly open: OpenLink;
  /** How long each answer may take, in ms. */
  readonly answerMs: number;
}

/**
 * All tools that a server lists, in a connection of its own that is closed again. Calls none of them.
 * @throws UpstreamFault, or an Error that says what the server did not answer.
 */
export async function listTools({ open, answerMs }: ListingOptions): Promise<readonly McpTool[]> {
  const asking = new ListingClient(open, answerMs);
  try {
    await asking.start();
    const clientInfo = { name: 'mcp-once', version: packageVersion() };
    const { protocolVersion: agreed, capabilities } = await asking.ask('initialize', {
      protocolVersion,
      capabilities: {},
      clientInfo,
    });
    await asking.begin(agreed);
    return isObject(capabilities) && capabilities.tools === undefined ? [] : await pagesOf(asking);
  } finally {
    await asking.close();
  }
}

async function pagesOf(asking: ListingClient): Promise<readonly McpTool[]> {
  const listed: McpTool[] = [];
  let cursor: unknown;
  for (let page = 0; page < pagesMax; page += 1) {
    const { tools, nextCursor } = await asking.ask('tools/list', cursor === undefined ? {} : { cursor });
    if (Array.isArray(tools)) listed.push(...tools.filter(isTool));
    if (typeof nextCursor !== 'string') break;
    cursor = nextCursor;
  }
  return listed;
}

interface Waiting {
  resolve(result: Readonly<Record<string, unknown>>): void;
  reject(error: Error): void;
}

/** Requests to a server, one after the other, and refusals of what it asks itself. */
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
    return this.#bounded('be started', this.#link.start());
  }

  async begin(agreed: unknown): Promise<void> {
    this.#link.agreed(typeof agreed === 'string' ? agreed : protocolVersion);
    await this.#link.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
  }

  async ask(method: string, params: RpcParams): Promise<Readonly<Record<string, unknown>>> {
    if (this.#ended) throw this.#ended;
    this.#id += 1;
    const id = this.#id;
    const answered = new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
    try {
      // Both at once: the answer may come, or the connection end, before the sending is told of.
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
      throw new Error(`it did not ${what} within ${this.#answerMs / 1_000} s`);
    });
  }

  #take(message: RpcMessage): void {
    if (isNotification(message)) return;
    if (isRequest(message)) {
      const { id, method } = message;
      const answer = method === 'ping' ? { result: {} } : { error: { code: methodNotFound, message: 'not offered' } };
      this.#link.send({ jsonrpc: '2.0', id, ...answer }).catch(() => undefined);
      return;
    }
    const { result, error } = message;
    const waiting = this.#waiting.get(message.id);
    if (result) waiting?.resolve(result);
    else
      waiting?.reject(new ServerFault('not_executed', `it answered with the error ${error?.code}: ${error?.message}`));
  }

  #end(error: Error): void {
    this.#ended = error;
    for (const { reject } of this.#waiting.values()) reject(error);
  }
}

function isTool(value: unknown): value is McpTool {
  return isObject(value) && typeof value.name === 'string' && isObject(value.inputSchema);
}
