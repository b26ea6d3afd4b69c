import { createRequire } from 'node:module';
import { type EngineEvent, onEvent } from './events.ts';

type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug';
type LogFields = Readonly<Record<string, string | number | boolean>>;

/** One line of JSON a message, to stderr. Messages and fields never hold an argument's value or a secret. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** What is written, and where. */
export interface LogOptions {
  readonly level: LogLevel;
  /** Where lines go; by default stderr, since stdout carries protocol only. */
  readonly destination?: NodeJS.WritableStream;
}

/** As long as a tool's name may be, in characters. */
const toolCharsMax = 64;

const levels = ['debug', 'info', 'warn', 'error'] as const;
type Level = (typeof levels)[number];

/** A log that costs nothing below its level, and loads pino with the first line that it writes. */
export function createLog(options: LogOptions): Log {
  const written = options.level === 'silent' ? [] : levels.slice(levels.indexOf(options.level));
  let pino: Log | undefined;
  const writerOf = (level: Level) => {
    if (!written.includes(level)) return () => {};
    return (message: string, fields?: LogFields) => {
      pino ??= openPino(options);
      pino[level](message, fields);
    };
  };
  return { debug: writerOf('debug'), info: writerOf('info'), warn: writerOf('warn'), error: writerOf('error') };
}

/** Loaded here: 15 ms that a server which logs nothing would wait for at its start. */
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

/** Writes what happens to operations to the log. @returns a function that stops it. */
export function logEvents(log: Log): () => void {
  return onEvent((event) => {
    const { type, ...fields } = event;
    // Of a tool that does not exist the name is whatever a caller wrote.
    if (event.type === 'answered') log[levelOf(event)](type, { ...fields, tool: event.tool.slice(0, toolCharsMax) });
    // The operation goes on when a person has answered.
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
      // That it was executed is told when it is settled.
      return event.code === 'succeeded' && !event.replayed ? 'debug' : 'info';
    case 'settled':
      return event.state === 'unknown' ? 'warn' : 'info';
    case 'recover':
      return 'info';
    case 'ledger_fault':
      return 'warn';
  }
}
