import { describeError } from '../errors.ts';
import type { Client, Tool, Upstream } from './types.ts';

/** A client before its first use, and the tools that need it. */
export interface ClientState {
  readonly name: string;
  readonly tools: readonly string[];
  readonly state:
    | { readonly type: 'configured'; readonly upstream: Upstream }
    /** None of its variables is set: its tools are refused, and nobody may mean to call them. */
    | { readonly type: 'unset'; readonly message: string }
    /** Some are set, and not as they have to be: its tools are refused, and somebody meant to call them. */
    | { readonly type: 'wrong'; readonly message: string };
}

/** The clients of tools, each once. Opens nothing. Messages name the variable, and never hold its value. */
export function clientStates(
  tools: readonly Tool[],
  environment: Readonly<Record<string, string | undefined>>,
): ClientState[] {
  const clients = new Set(tools.flatMap(({ client }) => client ?? []));
  return [...clients].map((client) => ({
    name: client.name,
    tools: tools.filter((tool) => tool.client === client).map(({ name }) => name),
    state: stateOf(client, environment),
  }));
}

function stateOf(client: Client, environment: Readonly<Record<string, string | undefined>>): ClientState['state'] {
  try {
    return { type: 'configured', upstream: client.configure(environment).upstream };
  } catch (error) {
    const isSet = client.variables.some((name) => environment[name]);
    return { type: isSet ? 'wrong' : 'unset', message: describeError(error) };
  }
}

/** What to say of clients that are set up wrong, one text each. */
export function clientWarnings(states: readonly ClientState[]): string[] {
  return states.flatMap(({ tools, state }) =>
    state.type === 'wrong' ? [`${state.message} Until then its tools are refused: ${tools.join(', ')}.`] : [],
  );
}
