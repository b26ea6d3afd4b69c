#!/usr/bin/env node
import { type Cli, errorLine, exitCodeOf, exitCodes } from '../command/cli.ts';

/** Runs the command line and returns its exit code. */
async function main(): Promise<number> {
  const cli: Cli = {
    // Nothing else reads the process's environment.
    environment: process.env,
    isTerminal: process.stdin.isTTY === true,
    print: (text) => void process.stdout.write(`${text}\n`),
    tell: (text) => void process.stderr.write(`${text}\n`),
  };
  // A reader that goes away must not end the process in the middle of an operation.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  // A command may wait on unreferenced timers only: this timer keeps the process alive until it has finished.
  const alive = setInterval(() => undefined, 2 ** 30);
  try {
    const args = process.argv.slice(2);
    // MCP clients usually pass no options: their start need not wait for the parser to load.
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

/** Ends the process once its output is written. */
async function end(code: number): Promise<void> {
  await new Promise<void>((resolve) => void process.stdout.write('', () => resolve()));
  // A tool that ignores its signal could keep the event loop alive for ever.
  process.exit(code);
}

void main()
  .catch(() => exitCodes.failure)
  .then(end);
