import type { OperatorOptions } from '../core/call/outcome.ts';
import { type Config, withoutPassword } from './config.ts';

/** Returns the options by which `mcp-once ledger` finds a server's ledger. */
export function operatorOptions(config: Pick<Config, 'file' | 'store' | 'storeIsChosen'>): OperatorOptions {
  const { file, store, storeIsChosen } = config;
  if (store === 'memory:') return 'memory';
  const options = [
    ...(file === undefined ? [] : [`--config ${quoted(file)}`]),
    ...(storeIsChosen ? [`--store ${storeArgument(store)}`] : []),
  ];
  return { options: options.join(' ') };
}

/** A URL with a password is not written out: it would end up in logs and conversations. */
function storeArgument(store: string): string {
  return withoutPassword(store) === store ? quoted(store) : '"$MCP_ONCE_STORE"';
}

/** Quotes an argument for a shell where it needs that. */
function quoted(argument: string): string {
  if (/^[A-Za-z0-9_@%+=:,./\\-]+$/.test(argument)) return argument;
  return process.platform === 'win32' ? `"${argument}"` : `'${argument.replaceAll("'", "'\\''")}'`;
}
