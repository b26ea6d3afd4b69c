import type { z } from 'zod';
import type { Duration } from '../duration.ts';
import { McpOnceError } from '../errors.ts';
import { clientMemory } from './check-definition.ts';
import { classifyNodeError } from './classify.ts';
import type { Classification, Client, Upstream } from './types.ts';

/** What `defineClient` takes. */
export interface ClientDefinition<Environment extends z.ZodObject, Opened> {
  /** For messages. */
  readonly name: string;
  /** The client's variables; only these are handed to it. */
  readonly env: Environment;
  /** Opens the client. Switch its own retries off and keep its time-out under 45 s: the engine does the sending. */
  readonly open: (env: z.infer<Environment>) => Opened | Promise<Opened>;
  /** Closes it when the server ends, in up to 5 s. */
  readonly close?: (opened: Opened) => void | Promise<void>;
  /** Where effects happen; must be the same in every process that means the same place. */
  readonly upstream: (env: z.infer<Environment>) => Upstream;
  /**
   * How long the provider remembers an idempotency key.
   * @defaultValue 0: the provider takes no keys.
   * @example '24h'
   */
  readonly memory?: Duration;
  /**
   * What an error says about its request's effect, by the provider's documentation. Undefined
   * leaves it to the default: connection errors from before sending are `not_executed`, all else `unknown`.
   */
  readonly classify?: (error: unknown) => Classification | undefined;
}

/** Makes a client out of its definition. */
export function defineClient<Environment extends z.ZodObject, Opened>(
  definition: ClientDefinition<Environment, Opened>,
): Client<Opened> {
  return Object.freeze({
    name: definition.name,
    variables: Object.freeze(Object.keys(definition.env.shape)),
    memoryMs: clientMemory(definition),
    classify: (error: unknown) => classify(definition.classify, error),
    configure: (environment: Readonly<Record<string, string | undefined>>) => {
      const env = readEnvironment(definition, environment);
      return {
        upstream: upstreamOf(definition, env),
        open: async () => definition.open(env),
        close: async (opened: Opened) => definition.close?.(opened),
      };
    },
  });
}

const classifications: ReadonlySet<unknown> = new Set<Classification>(['not_executed', 'failed', 'gone', 'unknown']);

/**
 * A rule that fails, or answers something else (a promise, a word that is none of the four), says nothing:
 * then the effect is not known. Taken for "no effect", it would be executed a second time.
 */
function classify(rule: ((error: unknown) => Classification | undefined) | undefined, error: unknown): Classification {
  try {
    const answer = rule?.(error) ?? classifyNodeError(error);
    return classifications.has(answer) ? answer : 'unknown';
  } catch {
    return 'unknown';
  }
}

/** Part of every key: what it lacks would make two accounts one. What it throws may quote a variable, and is not told. */
function upstreamOf<Environment>(
  definition: { readonly name: string; readonly upstream: (env: Environment) => Upstream },
  env: Environment,
): Upstream {
  const cannot = (why: string, cause?: unknown): never => {
    const message = `The client "${definition.name}" does not tell where its effects happen: its upstream(env) ${why}.`;
    throw new McpOnceError('upstream_unavailable', message, { cause });
  };
  let told: Partial<Upstream>;
  try {
    told = definition.upstream(env) ?? {};
  } catch (error) {
    return cannot('throws', error);
  }
  const { origin, mode, account } = told;
  if (typeof origin === 'string' && typeof mode === 'string' && typeof account === 'string') {
    return Object.freeze({ origin, mode, account });
  }
  return cannot('must give origin, mode and account, each a text');
}

function readEnvironment<Environment extends z.ZodObject>(
  definition: { readonly name: string; readonly env: Environment },
  environment: Readonly<Record<string, string | undefined>>,
): z.infer<Environment> {
  const names = Object.keys(definition.env.shape);
  // An empty variable is what an empty field of a client's settings form gives: it means "not set".
  const values = Object.fromEntries(
    names.map((name) => [name, environment[name] === '' ? undefined : environment[name]]),
  );
  const parsed = definition.env.safeParse(values);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')} (${issue.message})`);
  throw new McpOnceError('upstream_unavailable', `The client "${definition.name}" needs ${problems.join(', ')}.`);
}
