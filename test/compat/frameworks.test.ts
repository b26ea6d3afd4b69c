import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Each example, what goes wrong with its first invoice, and how often the shop then makes one without a guard.
 * The repeat is the framework's own (a retry, a reconnection) or that of its agent loop (the model sees an error).
 */
const cases = [
  ['langchain-mcp', 'error', 'toolRetryMiddleware after an error', 'unknown'],
  ['langchain-mcp', 'slow', 'toolRetryMiddleware after a time-out', 'replay'],
  ['langchain-http', 'drop', 'toolRetryMiddleware after a dropped answer', 'replay'],
  ['langchain-http', '503', 'toolRetryMiddleware after a 503', 'replay'],
  ['langchain-tool', 'error', 'toolRetryMiddleware around a function', 'unknown'],
  ['vercel-ai-mcp', '503', 'maxRetries of the MCP client after a 503', 'replay'],
  ['vercel-ai-mcp', 'drop', 'the agent loop after a dropped answer', 'replay'],
  ['vercel-ai-tool', 'error', 'the agent loop after an error', 'unknown'],
  ['openai-agents-mcp', 'error', 'the agent loop after an error', 'unknown'],
  ['openai-agents-mcp', 'slow', 'the agent loop after a time-out', 'replay'],
  ['openai-agents-tool', 'error', 'the agent loop after an error', 'unknown'],
  ['mastra-mcp', 'drop', 'the reconnection of the MCP client after a dropped answer', 'replay'],
  ['mastra-tool', 'error', 'the agent loop after an error', 'unknown'],
] as const;

/** What a guarded repeat learns. */
const learns = {
  replay: /invoice 1 for ada/,
  // LangChain's middleware tells the model the class of an error only.
  unknown: /outcome of the operation is not known|ToolException/,
};

const folders: string[] = [];

beforeAll(async () => {
  await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.examples.json'], {
    cwd: root,
  });
});

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

async function runExample(name: string, fault: string, guarded: boolean) {
  const folder = await mkdtemp(join(tmpdir(), 'mcp-once-example-'));
  folders.push(folder);
  const invoices = join(folder, 'invoices.jsonl');
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    EXAMPLE_GUARD: guarded ? 'on' : 'off',
    EXAMPLE_FAULT: fault,
    EXAMPLE_INVOICES: invoices,
    MCP_ONCE_STORE: `sqlite:${join(folder, 'ledger.sqlite')}`,
  };
  const options = { cwd: folder, env, timeout: 280_000 };
  const { stdout } = await run(process.execPath, [join(root, 'examples/dist', `${name}.js`)], options);
  const last = stdout.trimEnd().split('\n').at(-1) ?? '';
  const effects = (await readFile(invoices, 'utf8')).trimEnd().split('\n').length;
  return { effects, learnt: (JSON.parse(last) as { learnt: string }).learnt };
}

describe.each(cases)('%s, %s: %s', (name, fault, _repeat, learnt) => {
  it('control: makes two invoices without the guard', async () => {
    expect((await runExample(name, fault, false)).effects).toBe(2);
  });

  it('makes one invoice with the guard, and gives the agent the outcome', async () => {
    const guarded = await runExample(name, fault, true);
    expect(guarded.effects).toBe(1);
    expect(guarded.learnt).toMatch(learns[learnt]);
  });
});

describe.each([...new Set(cases.map(([name]) => name))])('%s without a fault', (name) => {
  it('makes one invoice with the guard', async () => {
    const { effects, learnt } = await runExample(name, 'none', true);
    expect(effects).toBe(1);
    expect(learnt).toMatch(/invoice 1 for ada|number\W+1/);
  });
});
