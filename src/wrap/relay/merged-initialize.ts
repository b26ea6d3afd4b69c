import { isObject, type RpcParams, type RpcResponse } from './message.ts';

/** What a server has said of itself, by its name. */
export interface ServerInitialization {
  readonly name: string;
  readonly result: NonNullable<RpcResponse['result']>;
}

/**
 * The one answer to `initialize` that stands for several servers: the oldest version that was agreed on, all
 * capabilities but tasks (their ids cannot be told apart yet), and all instructions.
 */
export function mergeInitializeResults(all: readonly ServerInitialization[], version: string): RpcParams {
  const versions = all.map(({ result }) => String(result.protocolVersion)).sort();
  const { tasks: _tasks, ...capabilities } = all.reduce(
    (united, { result }) => unite(united, result.capabilities),
    {} as Record<string, unknown>,
  );
  const instructions = all.flatMap(({ name, result }) => {
    return typeof result.instructions === 'string' ? [`${name} (tools ${name}_...):\n${result.instructions}`] : [];
  });
  return {
    protocolVersion: versions[0],
    capabilities,
    serverInfo: { name: 'mcp-once', title: all.map(({ name }) => name).join(', '), version },
    ...(instructions.length === 0 ? {} : { instructions: instructions.join('\n\n') }),
  };
}

/** Both, member by member; of two values the one that says more. */
function unite(one: Record<string, unknown>, other: unknown): Record<string, unknown> {
  if (!isObject(other)) return one;
  const united = { ...one };
  for (const [name, value] of Object.entries(other)) {
    const before = united[name];
    if (isObject(before) && isObject(value)) united[name] = unite(before, value);
    else if (before === undefined || before === false) united[name] = value;
  }
  return united;
}
