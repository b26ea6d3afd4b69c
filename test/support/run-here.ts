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
  let stdout = '';
  let stderr = '';
  const tell = (text: string): void => {
    stderr += `${text}\n`;
  };
  const print = (text: string): void => {
    stdout += `${text}\n`;
  };
  process.chdir(folder);
  try {
    const cli = { environment, isTerminal: false, print, tell };
    const code = await runCommandLine(cli, args).catch((error: unknown) => {
      tell(errorLine(error));
      return exitCodeOf(error);
    });
    return { code, stdout, stderr };
  } finally {
    process.chdir(before);
  }
}
