import type { z } from 'zod';
import type { Duration } from '../duration.ts';
import { McpOnceError } from '../errors.ts';
import { issueText } from '../schema/issue-text.ts';
import { sentence } from '../suggest.ts';
import { checkClient, clientMemory } from './check-definition.ts';
import { classifyNodeError } from './classify.ts';
import type { Classification, Client, Upstream } from './types.ts';

/**
 * The argument of `defineClient`.
 *
 * @example
 * export const tracker = defineClient({
 *   name: 'tracker',
 *   env: z.object({ TRACKER_TOKEN: z.string() }),
 *   open: ({ TRACKER_TOKEN }) => new Tracker(TRACKER_TOKEN, { maxRetries: 0 }),
 *   upstream: () => ({ origin: 'https://api.tracker.example', mode: 'live', account: 'main' }),
 *   keyMemory: '24h',
 * });
 */
export interface ClientDefinition<Environment extends z.ZodObject, Opened> {
  /** The name in messages. */
  readonly name: string;
  /** The client's environment variables. `open` and `upstream` get no others. @defaultValue none */
  readonly env?: Environment;
  /** Opens the client. Turn off its retries and keep its time-out under 45 s, since the engine decides about sending. */
  readonly open: (env: z.infer<Environment>) => Opened | Promise<Opened>;
  /** Closes the client when the server ends. It may take up to 5 s. */
  readonly close?: (opened: Opened) => void | Promise<void>;
  /** Returns where effects happen. Processes that use the same account must return the same values. */
  readonly upstream: (env: z.infer<Environment>) => Upstream;
  /**
   * Returns one line that each tool description and each result of this client shows. Use it for what a model must not miss,
   * such as that nothing real happens.
   * @defaultValue no line
   * @example ({ TRACKER_URL }) => (isLocal(TRACKER_URL) ? 'SANDBOX: the tickets are not real.' : undefined)
   */
  readonly banner?: (env: z.infer<Environment>) => string | undefined;
  /**
   * How long the provider remembers an idempotency key.
   * @defaultValue 0: the provider takes no keys.
   * @example '24h'
   */
  readonly keyMemory?: Duration;
  /**
   * Returns what an error says about the effect of its request, by the provider's documentation.
   * @defaultValue Errors from connecting are `not_executed`, all others are `unknown`. Returning undefined does the same.
   * @example (error) => (error instanceof TrackerError && error.status === 404 ? 'gone' : undefined)
   */
  readonly classify?: (error: unknown) => Classification | undefined;
}

/**
 * Makes a client from its definition.
 * @throws McpOnceError `tool_invalid` for a part that is missing, unknown or of the wrong kind
 */
export function defineClient<Environment extends z.ZodObject = z.ZodObject<Record<never, never>>, Opened = unknown>(
  definition: ClientDefinition<Environment, Opened>,
): Client<Opened> {
  const memoryMs = clientMemory(definition);
  checkClient(definition);
  return Object.freeze({
    name: definition.name,
    variables: Object.freeze(Object.keys(definition.env?.shape ?? {})),
    memoryMs,
    classify: (error: unknown) => classify(definition.classify, error),
    configure: (environment: Readonly<Record<string, string | undefined>>) => {
      const env = readEnvironment(definition, environment);
      return {
        upstream: upstreamOf(definition, env),
        banner: definition.banner?.(env),
        open: async () => definition.open(env),
        close: async (opened: Opened) => definition.close?.(opened),
      };
    },
  });
}

const classifications: ReadonlySet<unknown> = new Set<Classification>(['not_executed', 'failed', 'gone', 'unknown']);

/**
 * Treats a rule that throws or returns another value (a promise, an unknown word) as `unknown`. If it counted as "no
 * effect", the operation would be executed a second time.
 */
function classify(rule: ((error: unknown) => Classification | undefined) | undefined, error: unknown): Classification {
  try {
    const answer = rule?.(error) ?? classifyNodeError(error);
    return classifications.has(answer) ? answer : 'unknown';
  } catch {
    return 'unknown';
  }
}

/**
 * The upstream is part of every key, so a missing member would treat two accounts as one. The message leaves out what
 * `upstream` throws, since that may contain a variable's value.
 */
function upstreamOf<Environment>(
  definition: { readonly name: string; readonly upstream: (env: Environment) => Upstream },
  env: Environment,
): Upstream {
  const cannot = (why: string, cause?: unknown): never => {
    const message = `The client "${definition.name}" does not say where its effects happen: upstream(env) ${why}.`;
    throw new McpOnceError('upstream_unavailable', message, { cause });
  };
  let given: Partial<Upstream>;
  try {
    given = definition.upstream(env) ?? {};
  } catch (error) {
    return cannot('throws', error);
  }
  const { origin, mode, account } = given;
  if (typeof origin === 'string' && typeof mode === 'string' && typeof account === 'string') {
    return Object.freeze({ origin, mode, account });
  }
  return cannot('must return origin, mode and account, each a string');
}

function readEnvironment<Environment extends z.ZodObject>(
  definition: { readonly name: string; readonly env?: Environment },
  environment: Readonly<Record<string, string | undefined>>,
): z.infer<Environment> {
  if (definition.env === undefined) return {} as z.infer<Environment>;
  const names = Object.keys(definition.env.shape);
  // An empty field in a client's settings form sets an empty variable, which means "not set".
  const values = Object.fromEntries(
    names.map((name) => [name, environment[name] === '' ? undefined : environment[name]]),
  );
  const parsed = definition.env.safeParse(values);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issueText(issue)}`);
  throw new McpOnceError('upstream_unavailable', sentence(`The client "${definition.name}": ${problems.join(', ')}`));
}
