import { classifyNodeError } from '../../core/tool/classify.ts';
import type { Client, ToolLog } from '../../core/tool/types.ts';
import type { OperationHead } from '../document/types.ts';
import { createAuthenticator, credentialVariables } from '../http/auth.ts';
import { headerVariables, splitHeaders } from '../http/header-variables.ts';
import { classifyApiError, createSender } from '../http/send.ts';
import { unsetVariables } from '../http/unset.ts';
import { Connection } from './connection.ts';
import type { ApiParts } from './operations.ts';
import { isFromNetwork, isStranger } from './trust.ts';

/** The longest answer that is read, in bytes. */
const answerBytesMax = 16 * 1024 * 1024;

const silent: ToolLog = { debug: () => {}, info: () => {}, warn: () => {} };

/**
 * The client of one API, for all of its tools. What it says of the provider's memory holds for operations that take
 * a key; the others do not list `resend`.
 *
 * Missing credentials are told by the operation that needs them: others may need none.
 * @param served the operations whose credentials count as needed
 */
export function apiClient(api: ApiParts, served: readonly OperationHead[], log: ToolLog = silent): Client<Connection> {
  const { document, source, profile, baseUrl } = api;
  const { securitySchemes: schemes } = document;
  const { origin, pathname } = new URL(baseUrl);
  // With its path: what is below `/tenants/1` is not what is below `/tenants/2`.
  const place = `${origin}${pathname}`.replace(/\/+$/, '');
  const prefix = source.prefix === undefined ? {} : { prefix: source.prefix };
  return Object.freeze({
    name: source.prefix ?? document.title,
    variables: [...new Set([...credentialVariables(schemes, source.prefix), ...headerVariables(source.headers)])],
    unset: (environment: Readonly<Record<string, string | undefined>>) => {
      const securities = served.map((head) => document.securityOf(head));
      return unsetVariables({ schemes, prefix: source.prefix, headers: source.headers, securities }, environment);
    },
    memoryMs: profile.memoryMs,
    classify: (error: unknown) => classifyApiError(error) ?? classifyNodeError(error),
    configure: (environment: Readonly<Record<string, string | undefined>>) => ({
      upstream: Object.freeze({ origin: place, mode: 'live', account: source.account }),
      open: async () =>
        new Connection((server) => {
          const { fromVariables: headers } = splitHeaders(source.headers);
          const withheld = isStranger(source, baseUrl, server);
          const shared = { schemes, ...prefix, environment, headers };
          const authenticator = createAuthenticator({ ...shared, origin: server, withheld });
          const { timeoutMs } = source;
          const allowPrivate = allowsPrivate(source);
          // A base URL of the operator's speaks for the API, not for a token server that the document names.
          const allowPrivateTokens = source.allowPrivate || !isFromNetwork(source);
          const limits = { allowPrivate, allowPrivateTokens, timeoutMs, answerBytesMax };
          return createSender({ origin: server, authenticator, log, ...limits });
        }),
      close: (connection: Connection) => connection.close(),
    }),
  });
}

/** A document from the network must not point this machine at its own network, unless the operator says so. */
function allowsPrivate(source: ApiParts['source']): boolean {
  return source.allowPrivate || source.baseUrl !== undefined || !isFromNetwork(source);
}
