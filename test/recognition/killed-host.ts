import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { apiConfig, countedOffice, type Host, type HostOptions, type HostSession, hostFolder } from './hosts.ts';
import { LineClient } from './lines.ts';

const built = new URL(
  import.meta.url.endsWith('.ts') ? '../../dist/src/cli/main.js' : '../../src/cli/main.js',
  import.meta.url,
);
const program = fileURLToPath(built);

/** Serves the office as an API from a process of its own, which is killed in mid-call. */
export async function startKilled({ guarded }: HostOptions): Promise<Host> {
  const { office, upstream } = await countedOffice();
  const folder = hostFolder();
  const file = join(folder.path, 'config.json');
  const config = apiConfig(folder.path, office.url, `sqlite:${join(folder.path, 'ledger.sqlite')}`, guarded);
  // A short lease: the next process takes over once it has run out.
  writeFileSync(file, JSON.stringify({ ...config, lease: '4s', wait: '15s' }));
  let child: ChildProcess | undefined;
  const kill = async (): Promise<void> => {
    const { exitCode, signalCode } = child ?? {};
    if (!child || exitCode !== null || signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  const open = async (): Promise<HostSession> => {
    await kill();
    const env = { PATH: process.env.PATH ?? '', HOME: folder.path, MCP_ONCE_LOG_LEVEL: 'silent' };
    const started = spawn(process.execPath, [program, 'serve', '--config', file], {
      env,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    child = started;
    const client = new LineClient(started.stdout, started.stdin);
    await client.initialize();
    return { call: (...call) => client.call(...call), end: async () => kill() };
  };
  return {
    origin: 'killed',
    upstream,
    open,
    kill,
    close: async () => {
      await kill();
      await office.close();
      folder.remove();
    },
  };
}
