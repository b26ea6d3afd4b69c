import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Message, main, RawClient, stage } from './wrap.ts';

const script = fileURLToPath(new URL('./crafted.mjs', import.meta.url));

/** What a crafted server sends. `tools` stands for the answer to `tools/list`. */
export interface CraftedServer {
  readonly tools?: readonly Message[];
  /** Answers by method, as raw JSON text. */
  readonly answers?: Readonly<Record<string, string | Message>>;
  /** How many notifications a call with the argument `flood` sends. */
  readonly flood?: number;
  readonly capabilities?: Message;
  /** Whether each `tools/list` announces another change before its answer. */
  readonly changesWithList?: boolean;
}

/** Wraps crafted servers, and returns their client. */
export async function craftedServers(
  servers: Readonly<Record<string, CraftedServer>>,
  options: readonly string[] = [],
) {
  const { folder, store } = stage();
  const file = (name: string): string => join(folder, name);
  const entries = Object.entries(servers).map(([name, { tools = [], answers, ...more }]) => {
    const crafted = { answers: { 'tools/list': JSON.stringify({ tools }), ...answers }, ...more };
    writeFileSync(file(`${name}.json`), JSON.stringify(crafted));
    const env = { EFFECTS: file(name), CRAFTED: file(`${name}.json`) };
    return [name, { command: process.execPath, args: [script], env }];
  });
  writeFileSync(file('config.json'), JSON.stringify({ store, mcpServers: Object.fromEntries(entries) }));
  const args = [main, 'wrap', '--log-level', 'warn', ...options, '--config', file('config.json')];
  const client = new RawClient(args);
  await client.initialize();
  const linesOf = (name: string): string[] =>
    existsSync(file(name)) ? readFileSync(file(name), 'utf8').split('\n').slice(0, -1) : [];
  return { client, effects: linesOf };
}
