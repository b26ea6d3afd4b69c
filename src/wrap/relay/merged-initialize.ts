import { defined, isObject } from '../../core/json.ts';
import { visibleText } from '../../core/visible-text.ts';
import type { RpcParams, RpcResponse } from './message.ts';

/** A server's result of `initialize`. */
export interface ServerInitialization {
  readonly name: string;
  readonly result: NonNullable<RpcResponse['result']>;
}

/**
 * Merges the `initialize` results of several servers: the oldest protocol version, all instructions, and all
 * capabilities except tasks, because two servers may use the same task id.
 */
export function mergeInitializeResults(all: readonly ServerInitialization[], version: string): RpcParams {
  const versions = all.map(({ result }) => String(result.protocolVersion)).sort();
  const { tasks: _tasks, ...capabilities } = all.reduce(
    (merged, { result }) => mergeCapabilities(merged, result.capabilities),
    {} as Record<string, unknown>,
  );
  const instructions = all.flatMap(({ name, result }) => {
    return typeof result.instructions === 'string'
      ? [`${name} (tools ${name}_...):\n${visibleText(result.instructions)}`]
      : [];
  });
  return {
    protocolVersion: versions[0],
    capabilities,
    serverInfo: { name: 'mcp-once', title: all.map(({ name }) => name).join(', '), version },
    ...defined({ instructions: instructions.length === 0 ? undefined : instructions.join('\n\n') }),
  };
}

/** Merges member by member. An object or a true value wins over false and undefined. */
function mergeCapabilities(one: Record<string, unknown>, other: unknown): Record<string, unknown> {
  if (!isObject(other)) return one;
  const merged = { ...one };
  for (const [name, value] of Object.entries(other)) {
    const before = merged[name];
    if (isObject(before) && isObject(value)) merged[name] = mergeCapabilities(before, value);
    else if (before === undefined || before === false) merged[name] = value;
  }
  return merged;
}
