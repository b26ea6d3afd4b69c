import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { judge } from './clients/conversation.mjs';

const run = promisify(execFile);

/** The libraries, and what their models receive. `npm run clients` also runs the coding agents. */
const libraries = [
  ['langchain', 'text'],
  ['ai-sdk', 'text'],
  ['openai-agents', 'text'],
  ['mastra', 'structured content'],
] as const;

it.each(libraries)('%s shows its model notes, tokens and first results (%s)', async (name, shows) => {
  const folder = await mkdtemp(join(tmpdir(), 'mcp-once-clients-'));
  try {
    const program = fileURLToPath(new URL(`clients/${name}.mjs`, import.meta.url));
    const env = { PATH: process.env.PATH, HOME: folder, ROOMS_FILE: join(folder, 'bookings') };
    const { stdout } = await run(process.execPath, [program], { cwd: folder, env, timeout: 280_000 });
    const { seen } = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as { seen: string[] };
    expect(judge(seen)).toEqual({
      shows,
      replayNote: true,
      repeatToken: true,
      conflictNote: true,
      conflictResult: true,
      unknownNextStep: true,
      error: true,
      twinReached: true,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
