import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { environmentIn } from '../support/cli-process.ts';
import { shippedProgram } from '../support/program.ts';
import { temporaryFolder } from '../support/temporary.ts';

/** Returns the ids of a process's children. */
function childrenOf(pid: number): number[] {
  const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n');
  const parts = rows.map((row) => row.trim().split(/\s+/));
  return parts
    .filter(([, parent, ...args]) => parent === String(pid) && !args.includes('ps'))
    .map(([id]) => Number(id));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test.each([
  { signal: 'SIGINT', when: 'the first scene begins', line: '  1/8 ' },
  { signal: 'SIGTERM', when: 'three servers of a scene start', line: '  2/8 ' },
] as const)('the demo ends its processes and removes its files on $signal when $when', async ({ signal, line }) => {
  const folder = temporaryFolder();
  const env = { ...environmentIn(folder), TMPDIR: folder, TEMP: folder };
  const demo = spawn(process.execPath, [shippedProgram, 'demo'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = once(demo, 'exit');
  for await (const printed of createInterface({ input: demo.stderr })) if (printed.startsWith(line)) break;
  const children = childrenOf(demo.pid ?? 0);
  expect(children).not.toEqual([]);
  expect(readdirSync(folder)).toEqual([expect.stringMatching(/^mcp-once-demo-/)]);
  demo.kill(signal);
  expect(await exited).toEqual([128 + constants.signals[signal], null]);
  expect(children.filter(isAlive)).toEqual([]);
  expect(readdirSync(folder)).toEqual([]);
});
