import type { Environment } from '../../config/config.ts';
import { classifyNodeError } from '../../core/tool/classify.ts';
import type { Client, ToolLog } from '../../core/tool/types.ts';
import type { ListedOperation } from '../document/types.ts';
import { createAuthenticator } from '../http/authenticator.ts';
import { headerVariables, splitHeaders } from '../http/credentials.ts';
import { unsetVariables } from '../http/missing-credentials.ts';
import { classifyApiError, createSender } from '../http/send.ts';
import type { ApiSender } from '../http/types.ts';
import { type ApiContext, isFromNetwork } from './api.ts';

/** The longest response that is read, in bytes. */
const responseBytesMax = 16 * 1024 * 1024;

const silent: ToolLog = { debug: () => {}, info: () => {}, warn: () => {} };

/** The opened client of an API. It creates a sender for each origin on first use. */
export class ApiConnection {
  readonly #open: (origin: string) => ApiSender;
  readonly #senders = new Map<string, ApiSender>();

  constructor(open: (origin: string) => ApiSender) {
    this.#open = open;
  }

  /** Returns the sender for a server. @param url any absolute URL of the server */
  sender(url: string): ApiSender {
    const { origin } = new URL(url);
    const sender = this.#senders.get(origin) ?? this.#open(origin);
    this.#senders.set(origin, sender);
    return sender;
  }

  async close(): Promise<void> {
    const senders = [...this.#senders.values()];
    this.#senders.clear();
    await Promise.allSettled(senders.map((sender) => sender.close()));
  }
}

/**
 * Creates the client that all tools of one API share. `memoryMs` applies to operations that take an idempotency key. The
 * others do not have the recovery `resend`.
 *
 * Missing credentials do not refuse the whole API, because some operations may need none.
 * @param served the operations whose credentials count as needed
 */
export function apiClient(
  api: ApiContext,
  served: readonly ListedOperation[],
  log: ToolLog = silent,
): Client<ApiConnection> {
  const { document, source, profile, baseUrl } = api;
  const { securitySchemes: schemes } = document;
  const { prefix, headers } = source;
  const { variables, destinations } = api.credentials;
  const { origin, pathname } = new URL(baseUrl);
  // The path is part of the upstream, because `/tenants/1` and `/tenants/2` hold different data.
  const upstreamOrigin = `${origin}${pathname}`.replace(/\/+$/, '');
  return Object.freeze({
    name: prefix ?? document.title,
    variables: [...new Set([...[...variables.values()].flat(), ...headerVariables(headers)])],
    destinations,
    unset: (environment: Environment) => {
      const securities = served.map((listed) => document.securityOf(listed));
      return unsetVariables({ schemes, variables, headers, securities }, environment);
    },
    memoryMs: profile.memoryMs,
    classify: (error: unknown) => classifyApiError(error) ?? classifyNodeError(error),
    configure: (environment: Environment) => ({
      upstream: Object.freeze({ origin: upstreamOrigin, mode: 'live', account: source.account }),
      open: async () => new ApiConnection((server) => openSender(api, server, environment, log)),
      close: (connection: ApiConnection) => connection.close(),
    }),
  });
}

function openSender(api: ApiContext, server: string, environment: Environment, log: ToolLog): ApiSender {
  const { source, document, credentials } = api;
  const authenticator = createAuthenticator({
    schemes: document.securitySchemes,
    variables: credentials.variables,
    refusals: credentials.refusals,
    environment,
    headers: splitHeaders(source.headers).fromVariables,
    origin: server,
    withheld: credentials.withheldFrom(server),
  });
  return createSender({
    origin: server,
    authenticator,
    log,
    allowPrivate: allowsPrivate(api, server),
    // The operator's base URL allows the API to be private, but not a token server that the document names.
    allowPrivateTokens: source.allowPrivate || !isFromNetwork(document),
    timeoutMs: source.timeoutMs,
    responseBytesMax,
  });
}

/**
 * A document from the network must not direct requests at this machine's own network without the operator's consent. In
 * a mixed document the file may name the API's own server.
 */
function allowsPrivate({ source, document }: ApiContext, server: string): boolean {
  if (source.allowPrivate || source.baseUrl !== undefined || document.provenance === 'local') return true;
  const { origin } = new URL(server);
  return document.provenance === 'mixed' && document.ownServers.some((own) => new URL(own).origin === origin);
}
