import { describeError, isErrnoException, LedgerUnavailable, McpOnceError, ReplyLost } from '../../errors.ts';
import type { RedisEndpoint } from './redis-url.ts';

/** Tests for an error reply of Redis whose first word is `code`. */
export function isReply(error: unknown, code: string): boolean {
  return error instanceof Error && error.message.startsWith(`${code} `);
}

/** Tests for an error that trying again does not fix: a person has to change something. */
export function isRefusal(error: unknown): boolean {
  return ['WRONGPASS', 'NOAUTH', 'NOPERM', 'ERR'].some((code) => isReply(error, code));
}

/** Describes a fault of Redis in one sentence: cause, server and next step. Contains no password. */
export function redisFault(error: unknown, endpoint: RedisEndpoint): McpOnceError {
  if (error instanceof McpOnceError) return error;
  const description = describeError(error);
  const redacted = endpoint.redact(description);
  const message = `Redis at ${endpoint.name} ${predicate(error, redacted)}.`;
  // If the error contains the password, it must not become the cause either.
  const isLasting = ['WRONGPASS', 'NOAUTH', 'NOPERM', 'MOVED', 'WRONGTYPE'].some((code) => isReply(error, code));
  const options = { ...(redacted === description ? { cause: error } : {}), isLasting };
  return broken.has(kindOf(error)) ? new ReplyLost(message, options) : new LedgerUnavailable(message, options);
}

const ofReply: Readonly<Record<string, string>> = {
  WRONGPASS: "refuses the user or the password: correct them in the store's URL",
  NOAUTH: "asks for a password: put it into the store's URL",
  NOPERM:
    'does not allow this user what a ledger needs: grant it SET, GET, MGET, DEL, SCAN, EVAL, EVALSHA, WAIT, PUBLISH, SUBSCRIBE and TIME on its keys and channels',
  READONLY: "is a read-only replica: put the primary's address into the store's URL",
  OOM: 'is out of memory: raise maxmemory (and keep maxmemory-policy noeviction)',
  LOADING: 'is still loading its data: try again shortly',
  MASTERDOWN: 'is a replica that has lost its primary: use the primary, or bring it back',
  CLUSTERDOWN: 'belongs to a cluster that is down: check the cluster',
  MOVED: 'is one node of a cluster, and the key lives on another: use a Redis that is not a cluster',
  ASK: 'is one node of a cluster, and the key lives on another: use a Redis that is not a cluster',
  NOREPLICAS: 'has fewer replicas than its min-replicas-to-write asks for: bring them back',
  MISCONF: 'refuses writes because it cannot save to its disk: check its disk and its log',
  BUSY: 'is busy with a script: wait for it, or end it with SCRIPT KILL',
  WRONGTYPE: 'holds something else under a key of the ledger: use another database, or another namespace',
};

const ofConnection: Readonly<Record<string, string>> = {
  ECONNREFUSED: "refuses connections: start it, or correct the address in the store's URL",
  ENOTFOUND: "has an unknown host name: correct the address in the store's URL",
  EAI_AGAIN: 'has a host name that cannot be looked up now: check the network',
  EHOSTUNREACH: 'cannot be reached: check the network',
  ENETUNREACH: 'cannot be reached: check the network',
  ETIMEDOUT: 'did not accept the connection in time: check the address, the network, and whether that port speaks TLS',
  ConnectionTimeoutError:
    'did not accept the connection in time: check the address, the network, and whether that port speaks TLS',
};

const broken = new Set([
  'ECONNRESET',
  'EPIPE',
  'SocketClosedUnexpectedlyError',
  'SocketTimeoutError',
  'DisconnectsClientError',
  'ClientOfflineError',
  'ClientClosedError',
]);

function kindOf(error: unknown): string {
  if (isErrnoException(error)) return error.code ?? '';
  return error instanceof Error ? error.constructor.name : '';
}

function predicate(error: unknown, description: string): string {
  const reply = ofReply[/^[A-Z]+(?= )/.exec(description)?.[0] ?? ''];
  if (reply !== undefined) return reply;
  if (/^ERR (syntax error|unknown command|Unknown .*shebang)/i.test(description)) {
    return `does not know a command that the ledger needs (${description}): use Redis 7 or newer, or Valkey`;
  }
  const kind = kindOf(error);
  if (ofConnection[kind] !== undefined) return ofConnection[kind];
  if (broken.has(kind)) return 'lost the connection, and an answer may be lost with it: try again';
  if (/^ERR_(SSL|TLS)|CERT|SSL/.test(kind))
    return `failed the TLS handshake (${description}): check rediss:// and its certificate`;
  return `failed (${description})`;
}
