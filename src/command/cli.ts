import type { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import type { Readable, Writable } from 'node:stream';
import type { Environment } from '../config/config.ts';
import { describeError, McpOnceError } from '../core/errors.ts';

/** The terminal and the environment of a command. */
export interface Cli {
  readonly environment: Environment;
  /** Whether stdin is a terminal. */
  readonly isTerminal: boolean;
  /** Writes a result to stdout. Adds a newline. */
  print(text: string): void;
  /** Writes a message for a person to stderr. Adds a newline. */
  tell(text: string): void;
  /** The streams and signals of a server. @defaultValue those of the process */
  readonly host?: Host;
}

/** Replaces the process when another program runs a server. */
export interface Host {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Emits the signals of the server. */
  readonly signals: EventEmitter;
  /** Ends the server at once. */
  exit(code: number): void;
}

/** Exit codes: done, failed, invalid command line. */
export const exitCodes = Object.freeze({ ok: 0, failure: 1, usage: 2 });

/** Returns the version of this package, wherever it is installed. */
export function packageVersion(): string {
  return (createRequire(import.meta.url)('mcp-once/package.json') as { version: string }).version;
}

/** Thrown for an invalid command line. */
export class UsageError extends Error {}

/**
 * Renders an error as one line without a stack.
 * @param command the command that threw it, such as `mcp-once wrap`
 */
export function errorLine(error: unknown, command = 'mcp-once'): string {
  const isOurs = error instanceof McpOnceError || error instanceof UsageError;
  const hint = error instanceof UsageError ? ` (see ${command} --help)` : '';
  return `mcp-once: ${plain(isOurs ? error.message : describeError(error))}${hint}`;
}

/** Returns a function that prints a warning as one line. */
export function warner(cli: Cli): (message: string) => void {
  return (message) => cli.tell(`mcp-once: ${plain(message)}`);
}

/** Returns 2 for an invalid command line, else 1. */
export function exitCodeOf(error: unknown): number {
  return error instanceof UsageError ? exitCodes.usage : exitCodes.failure;
}

/** Refuses invalid input of a person. @throws McpOnceError `invalid_input` */
export function refuse(message: string): never {
  throw new McpOnceError('invalid_input', message);
}

/** Makes foreign text safe for a terminal: one line, without control and format characters. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');
}
