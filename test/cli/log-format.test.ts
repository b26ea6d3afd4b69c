import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { environmentIn, run } from '../support/cli-process.ts';
import { program } from '../support/program.ts';
import { runHere } from '../support/run-here.ts';
import { temporaryFolder } from '../support/temporary.ts';

/** `script` of util-linux gives a command a terminal. */
const hasScript = /util-linux/.test(spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout ?? '');

const rejecting = `
  import { defineTool, z } from 'mcp-once';
  export const tool = defineTool({
    name: 'reads', title: 'Reads', description: 'Reads.', effect: 'read',
    input: z.object({}), output: z.object({}), run: () => ({}),
  });
  setTimeout(() => void Promise.reject(new Error('not awaited', { cause: new Error('the reason') })), 0);
`;

function folderWithTool(): string {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'tool.mjs'), rejecting);
  return folder;
}

/** Resolves with everything that was printed, as soon as it contains a text. */
function printed(child: ChildProcess, text: string): Promise<string> {
  onTestFinished(() => void child.kill('SIGKILL'));
  return new Promise((resolve, reject) => {
    let all = '';
    const hear = (part: string) => {
      all += part;
      if (all.includes(text)) resolve(all);
    };
    child.stdout?.setEncoding('utf8').on('data', hear);
    child.stderr?.setEncoding('utf8').on('data', hear);
    child.on('close', () => reject(new Error(`it ended: ${all}`)));
  });
}

const serve = ['serve', '--http', '127.0.0.1:0', '--tools', '.'];

describe('a server', () => {
  test.runIf(hasScript)('logs lines for people in a terminal', async () => {
    const folder = folderWithTool();
    const command = [process.execPath, program, ...serve].join(' ');
    const child = spawn('script', ['-qec', command, '/dev/null'], {
      cwd: folder,
      env: { ...environmentIn(folder), TERM: 'xterm-256color' },
    });
    const text = await printed(child, 'the reason');
    expect(text).toContain('\u001b[31merror\u001b[39m unhandled promise rejection: not awaited ');
    expect(text).toMatch(/\d\d:\d\d:\d\d\.\d{3}/);
    expect(text).not.toContain('{"level"');
    // Ctrl-C
    child.stdin.write('\u0003');
    await new Promise((resolve) => child.on('close', resolve));
  });

  test('logs JSON through a pipe', async () => {
    const folder = folderWithTool();
    const child = spawn(process.execPath, [program, ...serve], { cwd: folder, env: environmentIn(folder) });
    const text = await printed(child, 'the reason');
    const line = text.split('\n').find((each) => each.startsWith('{') && each.includes('the reason')) ?? '';
    expect(JSON.parse(line)).toMatchObject({
      level: 'error',
      msg: 'unhandled promise rejection: not awaited',
      error: 'Error',
      cause: 'the reason',
      stack: expect.stringContaining('Error: not awaited'),
    });
  });

  test.each<[string, string[], Record<string, string>]>([
    ['--log-format', ['--log-format', 'pretty', '--log-level', 'debug'], {}],
    ['MCP_ONCE_LOG_FORMAT', ['--log-level', 'debug'], { MCP_ONCE_LOG_FORMAT: 'pretty' }],
  ])('takes the format from %s, and logs stacks at level debug', async (_, options, variables) => {
    const folder = folderWithTool();
    const env = environmentIn(folder, variables);
    const child = spawn(process.execPath, [program, ...serve, ...options], { cwd: folder, env });
    const text = await printed(child, 'tool.mjs');
    expect(text).toMatch(/ error unhandled promise rejection: not awaited error=Error cause="the reason"\n {4}Error: /);
  });
});

test('a format that does not exist is refused with the ones that do', async () => {
  const folder = temporaryFolder();
  const refused = run(folder, ['serve', '--log-format', 'xml']);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('auto, pretty, json') });
  expect(await runHere(folder, ['config', 'check'], { MCP_ONCE_LOG_FORMAT: 'xml' })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('MCP_ONCE_LOG_FORMAT: '),
  });
});
