import { describeError } from '../errors.ts';
import type { Client, Tool, Upstream } from './types.ts';

/** A client before its first use, and the tools that need it. */
export interface ClientState {
  readonly name: string;
  readonly tools: readonly string[];
  readonly state:
    | {
        readonly type: 'configured';
        readonly upstream: Upstream;
        /** Variables that only some of its tools need. */
        readonly unset: readonly string[];
      }
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
    const { upstream } = client.configure(environment);
    return { type: 'configured', upstream, unset: client.unset?.(environment) ?? [] };
  } catch (error) {
    const isSet = client.variables.some((name) => environment[name]);
    return { type: isSet ? 'wrong' : 'unset', message: describeError(error) };
  }
}

/** What to say of clients that are set up wrong, or not whole, one text each. */
export function clientWarnings(states: readonly ClientState[]): string[] {
  return states.flatMap(({ name, tools, state }) => {
    if (state.type === 'wrong') return [`${state.message} Until then its tools are refused: ${tools.join(', ')}.`];
    if (state.type === 'unset' || state.unset.length === 0) return [];
    return [`${name}: not set: ${state.unset.join(', ')}. The operations that need them are refused until they are.`];
  });
}

/** Whether something was set, and not as it has to be. */
export function hasWrongClient(states: readonly ClientState[]): boolean {
  return states.some(({ state }) => state.type === 'wrong');
}
