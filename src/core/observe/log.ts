import { createRequire } from 'node:module';
import { describeError } from '../errors.ts';
import { type EngineEvent, onEvent } from './events.ts';
import { readableWriter } from './readable-log.ts';

type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug';
type LogFormat = 'auto' | 'pretty' | 'json';
type LogFields = Readonly<Record<string, string | number | boolean>>;

/** Writes one line per message to stderr. Messages and fields contain no argument values and no secrets. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** The part of a log that reports on calls. A log of tests may lack `error`. */
export type CallLog = Pick<Log, 'debug' | 'info' | 'warn'>;

/** The lowest level that is written, and where lines go. */
export interface LogOptions {
  readonly level: LogLevel;
  /**
   * Lines for people (`pretty`), or JSON.
   * @defaultValue `auto`: `pretty` in a terminal, else `json`
   */
  readonly format?: LogFormat;
  /**
   * Where lines go. Stdout carries the protocol only.
   * @defaultValue process.stderr
   */
  readonly destination?: NodeJS.WritableStream;
}

/** The longest name of a tool, in characters. */
const toolCharsMax = 64;

const levels = ['debug', 'info', 'warn', 'error'] as const;
type Level = (typeof levels)[number];

/**
 * Creates a log that costs nothing below its level and loads pino when it writes the first line of JSON. It writes the stack
 * of a warning at level `debug` only, and that of an error always: only the stack shows where the program failed.
 */
export function createLog(options: LogOptions): Log {
  const written = options.level === 'silent' ? [] : levels.slice(levels.indexOf(options.level));
  let writer: Log | undefined;
  const keepsStack = (level: Level) => level === 'error' || written.includes('debug');
  const writerOf = (level: Level) => {
    if (!written.includes(level)) return () => {};
    return (message: string, fields?: LogFields) => {
      const kept = fields === undefined || keepsStack(level) ? fields : withoutStack(fields);
      try {
        writer ??= openWriter(options);
        writer[level](message, kept);
      } catch (error) {
        // For example no free file descriptor. A call must not fail because of its log line.
        writeBare(options.destination ?? process.stderr, { level, ...kept, msg: message, error: describeError(error) });
      }
    };
  };
  return { debug: writerOf('debug'), info: writerOf('info'), warn: writerOf('warn'), error: writerOf('error') };
}

function openWriter(options: LogOptions): Log {
  const { format = 'auto', destination = process.stderr } = options;
  const isReadable = format === 'pretty' || (format === 'auto' && 'isTTY' in destination && destination.isTTY === true);
  return isReadable ? readableWriter(destination) : openPino(options);
}

function writeBare(destination: NonNullable<LogOptions['destination']>, line: LogFields): void {
  try {
    destination.write(`${JSON.stringify({ time: new Date().toISOString(), ...line })}\n`);
  } catch {
    // Nothing can be written.
  }
}

function withoutStack({ stack: _, ...fields }: LogFields): LogFields {
  return fields;
}

/** Loads pino on first use: it takes 15 ms, which a server that logs nothing does not need to spend at its start. */
function openPino(options: LogOptions): Log {
  const { pino } = createRequire(import.meta.url)('pino') as typeof import('pino');
  const logger = pino(
    {
      level: options.level,
      timestamp: pino.stdTimeFunctions.isoTime,
      base: { pid: process.pid },
      formatters: { level: (label) => ({ level: label }) },
    },
    options.destination ?? process.stderr,
  );
  const writerOf = (level: Level) => (message: string, fields?: LogFields) => logger[level](fields ?? {}, message);
  return { debug: writerOf('debug'), info: writerOf('info'), warn: writerOf('warn'), error: writerOf('error') };
}

/** Logs the events of operations. @returns a function that stops logging */
export function logEvents(log: Log): () => void {
  return onEvent((event) => {
    const { type, ...fields } = event;
    // The name of an unknown tool is text from the caller.
    if (event.type === 'answered') log[levelOf(event)](type, { ...fields, tool: event.tool.slice(0, toolCharsMax) });
    // The operation continues when a person has replied.
    else log[levelOf(event)](event.type === 'settled' && event.state === 'waiting' ? 'asked' : type, fields);
  });
}

function levelOf(event: EngineEvent): Level {
  switch (event.type) {
    case 'claim':
    case 'claimed':
    case 'dispatch':
    case 'answer':
      return 'debug';
    case 'answered':
      // The `settled` event already logs the execution.
      return event.code === 'succeeded' && !event.replayed ? 'debug' : 'info';
    case 'settled':
      return event.state === 'unknown' ? 'warn' : 'info';
    case 'recover':
    case 'observed':
      return 'info';
    case 'ledger_fault':
      return 'warn';
  }
}
