import type { Transport as Transport2025 } from '@modelcontextprotocol/sdk/shared/transport.js';
import { CLIENT_CAPABILITIES_META_KEY, Server, type Transport as Transport2026 } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { z } from 'zod';
import type { ToolCall } from '../core/call/types.ts';
import { describeError } from '../core/errors.ts';
import { defined } from '../core/json.ts';
import type { Deliveries } from './deliveries.ts';
import { acceptsForms, answerCall, pageAt, type ServedTools, toolsCapability } from './tool-requests.ts';

/** How long a client may cache a list, in ms. Subscribers get changes earlier. */
const listMs = 60_000;

const listParams = z.looseObject({ cursor: z.string().optional() }).optional();
const callParams = z.looseObject({});

/** Without this the SDK creates a validator for each request. Only `elicitInput` needs it, which nothing here calls. */
const noValidator = {
  getValidator: (): never => {
    throw new Error('no schema is validated here');
  },
};

export interface Server2026Options {
  readonly scope: ToolCall['scope'];
  /** The value of the HTTP header `Idempotency-Key`. */
  readonly headerKey?: unknown;
  /** Learns which answers the client has received. Without it, no answer counts as delivered. */
  readonly deliveries?: Deliveries | undefined;
}

/** Creates a server for MCP 2026-07-28, for one HTTP request or one stdio connection. */
export function createServer2026(tools: ServedTools, { scope, headerKey, deliveries }: Server2026Options): Server {
  const { name, version, title, instructions, log, list, catalog } = tools;
  const server = new ToolServer2026(
    { name, version, ...defined({ title }) },
    {
      capabilities: { tools: toolsCapability(catalog) },
      jsonSchemaValidator: noValidator,
      // Private, because another principal may see other tools.
      cacheHints: {
        'tools/list': { ttlMs: listMs, cacheScope: 'private' },
        'server/discover': { ttlMs: listMs, cacheScope: 'private' },
      },
      ...defined({ instructions: instructions?.(catalog.tools) }),
    },
  );
  server.setRequestHandler('tools/list', { params: listParams }, (params) => ({ ...pageAt(list, params?.cursor) }));
  // With a schema given, the SDK does not apply its own, which would drop `idempotencyKey` (SEP-3182).
  server.setRequestHandler('tools/call', { params: callParams }, (params, { mcpReq }) => {
    return answerCall(tools, {
      params,
      meta: mcpReq._meta ?? {},
      scope,
      signal: mcpReq.signal,
      session: deliveries?.session,
      onOutcome: (outcome) => deliveries?.expect(mcpReq.id, outcome, mcpReq._meta),
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

/** Serves MCP 2026-07-28, and nothing earlier, on an open connection. */
export function serveStdio2026(transport: Transport2025, tools: ServedTools, options: Server2026Options): void {
  const { list, log } = tools;
  const connect = (): ReturnType<typeof createServer2026> => {
    const server = createServer2026(tools, options);
    // The SDK sends it to subscribers only.
    list.onChange(() => {
      server.sendToolListChanged().catch((error: unknown) => log.debug(`list_changed: ${describeError(error)}`));
    });
    return server;
  };
  serveStdio(connect, {
    legacy: 'reject',
    // Both SDKs have the same transport interface. Only their message types differ.
    transport: transport as unknown as Transport2026,
    onerror: (error) => log.debug(`mcp: ${describeError(error)}`),
  });
}

/** Reads the client's capabilities, which each request carries because no session stores them. */
function capabilitiesOf(envelope: object | undefined): unknown {
  return (envelope as Readonly<Record<string, unknown>> | undefined)?.[CLIENT_CAPABILITIES_META_KEY];
}

type WrapHandler = Server['_wrapHandler'];

class ToolServer2026 extends Server {
  /**
   * The SDK validates a result after the tool has run, and would report an invalid one as an invalid call. A replay also
   * has to keep its bytes.
   */
  protected override _wrapHandler(...[method, handler]: Parameters<WrapHandler>): ReturnType<WrapHandler> {
    return method === 'tools/call' ? handler : super._wrapHandler(method, handler);
  }
}
