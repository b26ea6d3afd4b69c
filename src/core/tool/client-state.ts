import { describeError } from '../errors.ts';
import type { Client, Tool, Upstream } from './types.ts';

/** The state of a client before its first use, and the tools that need it. */
export interface ClientState {
  readonly name: string;
  readonly tools: readonly string[];
  readonly state:
    | {
        readonly type: 'configured';
        readonly upstream: Upstream;
        readonly banner: string | undefined;
        /** Variables that are not set and that only some of the client's tools need. */
        readonly unset: readonly string[];
      }
    /** None of the variables is set. Calls of the client's tools are refused. Perhaps nobody uses them. */
    | { readonly type: 'unset'; readonly message: string }
    /** Some variables are set, but not correctly. Calls of the client's tools are refused, though somebody wants to use them. */
    | { readonly type: 'wrong'; readonly message: string };
}

/** Returns the state of each client of these tools. Opens nothing. Messages name variables and never contain values. */
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
    const { upstream, banner } = client.configure(environment);
    return { type: 'configured', upstream, banner, unset: client.unset?.(environment) ?? [] };
  } catch (error) {
    const isSet = client.variables.some((name) => environment[name]);
    return { type: isSet ? 'wrong' : 'unset', message: describeError(error) };
  }
}

/** Returns a warning for each client that is set up incorrectly or incompletely. */
export function clientWarnings(states: readonly ClientState[]): string[] {
  return states.flatMap(({ name, tools, state }) => {
    if (state.type === 'wrong') return [`${state.message} Until then its tools are refused: ${tools.join(', ')}.`];
    if (state.type === 'unset' || state.unset.length === 0) return [];
    return [`${name}: not set: ${state.unset.join(', ')}. The operations that need them are refused until they are.`];
  });
}

/**
 * Returns a line such as `SHOP_TOKEN -> https://shop.example` for each credential that the tools' clients may send.
 * @param environment leaves out the variables that are not set. @defaultValue all variables are listed
 */
export function destinationLines(
  tools: readonly Tool[],
  environment?: Readonly<Record<string, string | undefined>>,
): string[] {
  const all = tools.flatMap(({ client }) => client?.destinations ?? []);
  const sent = all.filter(({ variable }) => environment === undefined || environment[variable]?.trim());
  return [...new Set(sent.map(({ variable, origin }) => `${variable} -> ${origin}`))];
}

/** Returns whether a client has variables that are set incorrectly. */
export function hasWrongClient(states: readonly ClientState[]): boolean {
  return states.some(({ state }) => state.type === 'wrong');
}
