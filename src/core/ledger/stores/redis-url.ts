import { McpOnceError } from '../../errors.ts';

/** The server of a Redis URL, in a form that messages may show. Contains no password. */
export interface RedisEndpoint {
  readonly name: string;
  /** Removes the password from any text. */
  redact(text: string): string;
}

export interface RedisTarget {
  /** The URL for the client, without the parameters of mcp-once. It contains the password, so never show it. */
  readonly clientUrl: string;
  readonly endpoint: RedisEndpoint;
  /** How many replicas have to confirm a claim; 0 for none. */
  readonly waitReplicas: number;
  readonly waitTimeoutMs: number;
}

const parameters = ['waitReplicas', 'waitTimeoutMs'];
const waitReplicasMax = 100;
const waitTimeoutMaxMs = 60_000;

/** Parses the URL of a Redis store. @throws McpOnceError `configuration_invalid`, whose message leaves the URL out */
export function parseRedisUrl(text: string): RedisTarget {
  const url = URL.parse(text);
  if (url === null || !['redis:', 'rediss:'].includes(url.protocol) || url.hostname === '') {
    throw invalid('does not have the form redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]');
  }
  if (!/^\/?\d*$/.test(url.pathname)) throw invalid('has a database that is not a number');
  for (const name of url.searchParams.keys()) {
    if (!parameters.includes(name))
      throw invalid(`has an unknown parameter "${name}" (known: ${parameters.join(', ')})`);
  }
  const waitReplicas = integer(url, 'waitReplicas', 0, waitReplicasMax, 0);
  const waitTimeoutMs = integer(url, 'waitTimeoutMs', 1, waitTimeoutMaxMs, 1_000);
  const name = `${url.protocol}//${url.host}${url.pathname === '/' ? '' : url.pathname}`;
  const endpoint = redisEndpoint(name, decoded(url.password));
  url.search = '';
  url.hash = '';
  return { clientUrl: url.href, endpoint, waitReplicas, waitTimeoutMs };
}

export function redisEndpoint(name: string, password: string | undefined): RedisEndpoint {
  return { name, redact: (text) => (password ? text.replaceAll(password, '***') : text) };
}

function decoded(password: string): string {
  try {
    return decodeURIComponent(password);
  } catch {
    throw invalid('has a password that is not percent-encoded');
  }
}

function integer(url: URL, name: string, min: number, max: number, otherwise: number): number {
  const text = url.searchParams.get(name);
  if (text === null) return otherwise;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw invalid(`needs ${name} to be a whole number from ${min} to ${max}`);
}

function invalid(problem: string): McpOnceError {
  return new McpOnceError('configuration_invalid', `The URL of the Redis store ${problem}.`);
}
