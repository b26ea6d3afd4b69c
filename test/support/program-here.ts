import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { runCommandLine } from '../../src/cli/program.ts';
import { errorLine, exitCodeOf, exitCodes } from '../../src/command/cli.ts';
import { program } from './program.ts';
import { isSoak } from './soak.ts';

/** What a test uses of a server's process. */
export type ProgramProcess = Pick<ChildProcessWithoutNullStreams, 'stdin' | 'stdout' | 'stderr' | 'kill' | 'once'> & {
  readonly pid?: number | undefined;
};

/**
 * Starts a command line: the program in this process, which takes a fraction of the CPU time, and everything else in a
 * process. `npm run test:soak` starts processes only.
 */
export function startProgram(args: readonly string[], env: Record<string, string>): ProgramProcess {
  const [file, ...rest] = args;
  return file === program && !isSoak ? startHere(rest, env) : startProcess(args, env);
}

/** Starts a process, for a test that kills or suspends it. */
export function startProcess(args: readonly string[], env: Record<string, string>): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [...args], { env, stdio: ['pipe', 'pipe', 'pipe'] });
}

function startHere(args: readonly string[], environment: Record<string, string>): ProgramProcess {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()] as const;
  const signals = new EventEmitter();
  const ended = new EventEmitter();
  const exit = (code: number): void => {
    stdout.end();
    stderr.end();
    ended.emit('exit', code, null);
  };
  const write = (stream: PassThrough) => (text: string) => void stream.write(`${text}\n`);
  const cli = {
    environment,
    isTerminal: false,
    print: write(stdout),
    tell: write(stderr),
    host: { stdin, stdout, stderr, signals, exit },
  };
  // A process starts later than this function returns, too.
  setImmediate(() => {
    runCommandLine(cli, args)
      .catch((error: unknown) => {
        cli.tell(errorLine(error));
        return exitCodeOf(error);
      })
      .then(exit, () => exit(exitCodes.failure));
  });
  const kill = (signal: NodeJS.Signals | number = 'SIGTERM'): boolean => {
    if (signal === 'SIGKILL') stdin.end();
    return signals.emit(signal === 'SIGKILL' ? 'SIGTERM' : String(signal));
  };
  return { stdin, stdout, stderr, kill, once: ended.once.bind(ended) as ProgramProcess['once'] };
}
