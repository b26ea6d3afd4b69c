import { type ChildProcess, spawn } from 'node:child_process';

/** The `spawn` of Windows, where most commands (`npx`) are scripts, which only `cmd` can start, quoted its way. */
export async function windowsSpawn(): Promise<typeof spawn> {
  return (await import('cross-spawn')).spawn;
}

/** Ends a process. Windows has no signals, and what `cmd` has started would outlive it: there all are ended. */
export function endProcess(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (process.platform !== 'win32' || child.pid === undefined) {
    child.kill(signal);
    return;
  }
  const ending = spawn('taskkill', ['/pid', String(child.pid), '/T', '/F'], { stdio: 'ignore', windowsHide: true });
  ending.on('error', () => child.kill());
}
