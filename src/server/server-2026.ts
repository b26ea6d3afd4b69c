import type { Transport as Transport2025 } from '@modelcontextprotocol/sdk/shared/transport.js';
import { CLIENT_CAPABILITIES_META_KEY, Server, type Transport as Transport2026 } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { z } from 'zod';
import type { ToolCall } from '../core/call/types.ts';
import { describeError } from '../core/errors.ts';
import { acceptsForms } from './elicitation.ts';
import { answerCall, pageAt, type ServedTools, toolsCapability } from './tool-requests.ts';

/** How long a list may be taken for what it is, in ms. Whoever listens is told of a change before that. */
const listMs = 60_000;

const listParams = z.looseObject({ cursor: z.string().optional() }).optional();
const callParams = z.looseObject({});

/** The SDK would make a validator for each request, for `elicitInput`, which nothing here calls. */
const noValidator = {
  getValidator: (): never => {
    throw new Error('nothing is validated here');
  },
};

/** Whose requests a server answers. */
export interface Server2026Options {
  readonly scope: ToolCall['scope'];
  /** Of the HTTP header `Idempotency-Key`, where there is one. */
  readonly headerKey?: unknown;
}

/** An MCP server over the catalog for MCP 2026-07-28: for one request over HTTP, or one connection. */
export function createServer2026(tools: ServedTools, { scope, headerKey }: Server2026Options): Server {
  const { name, version, title, instructions, log, list, catalog } = tools;
  const server = new ToolServer2026(
    { name, version, ...(title === undefined ? {} : { title }) },
    {
      capabilities: { tools: toolsCapability(catalog) },
      jsonSchemaValidator: noValidator,
      // Not for caches that several callers share: another principal may see other tools.
      cacheHints: {
        'tools/list': { ttlMs: listMs, cacheScope: 'private' },
        'server/discover': { ttlMs: listMs, cacheScope: 'private' },
      },
      ...(instructions === undefined ? {} : { instructions: instructions(catalog.tools) }),
    },
  );
  server.setRequestHandler('tools/list', { params: listParams }, (params) => ({ ...pageAt(list, params?.cursor) }));
  // Three arguments: the SDK's own schema of `tools/call` would drop `idempotencyKey` (SEP-3182).
  server.setRequestHandler('tools/call', { params: callParams }, (params, { mcpReq }) => {
    return answerCall(tools, {
      params,
      meta: mcpReq._meta ?? {},
      scope,
      signal: mcpReq.signal,
      headerKey,
      notify: (notification) => mcpReq.notify(notification),
      questionChannel: acceptsForms(capabilitiesOf(mcpReq.envelope)) ? { type: 'rounds' } : undefined,
      input: { responses: mcpReq.inputResponses, state: mcpReq.requestState() },
      faults: 'errors',
    });
  });
  server.onerror = (error) => log.debug(`mcp: ${describeError(error)}`);
  return server;
}

/** Serves MCP 2026-07-28, and nothing earlier, on a connection that is open already. Loaded when a client asks for it. */
export function serveStdio2026(transport: Transport2025, tools: ServedTools, scope: Server2026Options['scope']): void {
  const { list, log } = tools;
  const connect = (): ReturnType<typeof createServer2026> => {
    const server = createServer2026(tools, { scope });
    // The SDK hands it to those who listen, and to nobody else.
    list.onChange(() => {
      server.sendToolListChanged().catch((error: unknown) => log.debug(`list_changed: ${describeError(error)}`));
    });
    return server;
  };
  serveStdio(connect, {
    legacy: 'reject',
    // Both SDKs mean the same by a transport; only their schemas of messages differ.
    transport: transport as unknown as Transport2026,
    onerror: (error) => log.debug(`mcp: ${describeError(error)}`),
  });
}

/** Each request says what its client can do: there is no connection that would remember it. */
function capabilitiesOf(envelope: object | undefined): unknown {
  return (envelope as Readonly<Record<string, unknown>> | undefined)?.[CLIENT_CAPABILITIES_META_KEY];
}

type WrapHandler = Server['_wrapHandler'];

class ToolServer2026 extends Server {
  /**
   * The SDK checks the result of a tool after it has run, and would tell the caller that the call was wrong
   * where it does not like it: a replay has to keep its bytes, whatever they are.
   */
  protected override _wrapHandler(...[method, handler]: Parameters<WrapHandler>): ReturnType<WrapHandler> {
    return method === 'tools/call' ? handler : super._wrapHandler(method, handler);
  }
}
