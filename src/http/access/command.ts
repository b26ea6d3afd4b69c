import { type Cli, exitCodes } from '../../command/cli.ts';
import { createToken } from './static-tokens.ts';

/** Prints a new bearer token, and its hash for the configuration. Stores nothing. */
export async function runConfigToken(cli: Cli): Promise<number> {
  const { token, hash } = createToken();
  cli.print(JSON.stringify({ token, hash }, null, 2));
  cli.tell('mcp-once: give the token to its user; put the hash into access.tokens, with tenant and subject.');
  return exitCodes.ok;
}
