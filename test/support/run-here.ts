import { runCommandLine } from '../../src/cli/program.ts';
import { errorLine, exitCodeOf } from '../../src/command/cli.ts';
import { environmentIn, type Ran } from './cli-process.ts';

/**
 * Runs a command line in a folder as `main.ts` does, but in this process: a test of what a command prints needs no
 * process of its own. One test at a time, since a process has one working directory.
 */
export function runHere(folder: string, args: readonly string[], more: Record<string, string> = {}): Promise<Ran> {
  return runWith(environmentIn(folder, more), folder, args);
}

/** Does the same with these environment variables and no others. */
export async function runWith(
  environment: Readonly<Record<string, string>>,
  folder: string,
  args: readonly string[],
): Promise<Ran> {
  const before = process.cwd();
  process.chdir(folder);
  try {
    const running = startHere(environment, args);
    return { code: await running.exited, stdout: running.stdout, stderr: running.stderr };
  } finally {
    process.chdir(before);
  }
}

/** A command line that runs in this process. */
export interface RunningHere {
  /** What it has printed until now. */
  readonly stdout: string;
  readonly stderr: string;
  readonly exited: Promise<number | null>;
}

/** Starts a command line in this process and folder, for a test that acts while it runs. */
export function startHere(environment: Readonly<Record<string, string>>, args: readonly string[]): RunningHere {
  let stdout = '';
  let stderr = '';
  const tell = (text: string): void => {
    stderr += `${text}\n`;
  };
  const print = (text: string): void => {
    stdout += `${text}\n`;
  };
  const cli = { environment, isTerminal: false, print, tell };
  const exited = runCommandLine(cli, args).catch((error: unknown) => {
    tell(errorLine(error));
    return exitCodeOf(error);
  });
  return {
    get stdout() {
      return stdout;
    },
    get stderr() {
      return stderr;
    },
    exited,
  };
}
