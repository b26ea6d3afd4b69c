import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type Cli, configOf, exitCodes } from '../src/cli/cli.ts';
import { startSandbox } from './start.ts';

export interface SandboxCommandOptions {
  readonly port: number;
  readonly data?: string;
  readonly config?: string;
  readonly faults: boolean;
}

/** Runs the sandbox until a signal comes. Its address is the one line on stdout. */
export async function runSandbox(cli: Cli, options: SandboxCommandOptions): Promise<number> {
  const { port, data, faults, config } = options;
  const stopped = new Promise<void>((done) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => done());
  });
  const dataFile = data === undefined ? await defaultDataFile(cli, config) : dataFileOf(data);
  const sandbox = await startSandbox({ port, dataFile, faults });
  cli.print(sandbox.url);
  cli.tell(
    `mcp-once: the sandbox runs at ${sandbox.url}, its data in ${dataFile}. Nothing real is billed. Ctrl-C ends it.`,
  );
  await stopped;
  await sandbox.close();
  return exitCodes.ok;
}

function dataFileOf(data: string): string {
  return data === ':memory:' ? data : resolve(data);
}

async function defaultDataFile(cli: Cli, config: string | undefined): Promise<string> {
  const { sandbox } = await configOf(cli, config === undefined ? {} : { config }, 'operate');
  if (sandbox.isDefault) await mkdir(dirname(sandbox.dataFile), { recursive: true, mode: 0o700 });
  return sandbox.dataFile;
}
