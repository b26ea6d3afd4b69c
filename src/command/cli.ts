import { createRequire } from 'node:module';
import type { Environment } from '../config/config.ts';
import { describeError, McpOnceError } from '../core/errors.ts';

/** What a command has of the world around it. */
export interface Cli {
  readonly environment: Environment;
  /** True when a person sits at stdin. */
  readonly isTerminal: boolean;
  /** What was asked for, to stdout. Adds a newline. */
  print(text: string): void;
  /** What a person should know, to stderr. Adds a newline. */
  tell(text: string): void;
}

/** As the help says: done, failed, the command line itself is wrong. */
export const exitCodes = Object.freeze({ ok: 0, failure: 1, usage: 2 });

/** This package's version. The package refers to itself by name, wherever it is installed. */
export function packageVersion(): string {
  return (createRequire(import.meta.url)('mcp-once/package.json') as { version: string }).version;
}

/** The command line itself is wrong. */
export class UsageError extends Error {}

/** One line for a person: what is wrong, and no stack. Messages of our own are told whole. */
export function errorLine(error: unknown): string {
  const isOurs = error instanceof McpOnceError || error instanceof UsageError;
  const hint = error instanceof UsageError ? ' (see mcp-once --help)' : '';
  return `mcp-once: ${plain(isOurs ? error.message : describeError(error))}${hint}`;
}

/** Tells a person, on one line, what is probably not as it was meant. */
export function warner(cli: Cli): (message: string) => void {
  return (message) => cli.tell(`mcp-once: ${plain(message)}`);
}

/** 2 when the command line itself is wrong, else 1. */
export function exitCodeOf(error: unknown): number {
  return error instanceof UsageError ? exitCodes.usage : exitCodes.failure;
}

/** Refuses what only a person can have got wrong. @throws McpOnceError `invalid_input` */
export function refuse(message: string): never {
  throw new McpOnceError('invalid_input', message);
}

/** Text that came from elsewhere, safe for a terminal and on one line. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');
}
