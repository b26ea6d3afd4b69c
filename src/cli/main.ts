#!/usr/bin/env node
import { type Cli, errorLine, exitCodeOf, exitCodes } from '../command/cli.ts';

/** Runs the command that the command line names, and gives its exit code. */
async function main(): Promise<number> {
  const cli: Cli = {
    // The one place that hands the environment in.
    environment: process.env,
    isTerminal: process.stdin.isTTY === true,
    print: (text) => void process.stdout.write(`${text}\n`),
    tell: (text) => void process.stderr.write(`${text}\n`),
  };
  // A reader that goes away must not end the process in the middle of an operation.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  // What waits on timers that keep no process alive, or on nothing at all, must still come to its end.
  const alive = setInterval(() => undefined, 2 ** 30);
  try {
    const args = process.argv.slice(2);
    // What a client starts has most often nothing to parse: then its start does not wait for a parser.
    if (isPlainServe(cli, args)) return await (await import('./host.ts')).programOf(cli).serve({});
    const { runCommandLine } = await import('./program.ts');
    return await runCommandLine(cli, args);
  } catch (error) {
    cli.tell(errorLine(error));
    return exitCodeOf(error);
  } finally {
    clearInterval(alive);
  }
}

function isPlainServe(cli: Cli, args: readonly string[]): boolean {
  return args.length === 0 ? !cli.isTerminal : args.length === 1 && args[0] === 'serve';
}

const code = await main().catch(() => exitCodes.failure);
await new Promise<void>((resolve) => void process.stdout.write('', () => resolve()));
// Not left to the event loop: a tool that ignores its signal could hold it for ever.
process.exit(code);
