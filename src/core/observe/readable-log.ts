import { styleText } from 'node:util';
import { visibleText } from '../visible-text.ts';

type Fields = Readonly<Record<string, string | number | boolean>>;
type Writer = (message: string, fields?: Fields) => void;
type Color = 'gray' | 'green' | 'yellow' | 'red';
type Paint = (color: Color, text: string) => string;

/**
 * Writes lines for people: time, level, message, fields. In a terminal with colors the level is colored. The lines of a
 * stack follow, indented.
 */
export function readableWriter(
  destination: NodeJS.WritableStream,
): Record<'debug' | 'info' | 'warn' | 'error', Writer> {
  // Knows NO_COLOR, FORCE_COLOR and TERM.
  const hasColors = 'hasColors' in destination && (destination as { hasColors(): boolean }).hasColors();
  // Stdout, which `styleText` looks at otherwise, carries the protocol.
  const paint: Paint = (color, text) => (hasColors ? styleText(color, text, { validateStream: false }) : text);
  const writerOf =
    (level: string, color: Color): Writer =>
    (message, fields) =>
      void destination.write(lineOf(paint, paint(color, level), message, fields));
  return {
    debug: writerOf('debug', 'gray'),
    info: writerOf('info ', 'green'),
    warn: writerOf('warn ', 'yellow'),
    error: writerOf('error', 'red'),
  };
}

function lineOf(paint: Paint, level: string, message: string, { stack, ...fields }: Fields = {}): string {
  const rest = Object.entries(fields).map(([name, value]) => `${paint('gray', `${name}=`)}${shown(value)}`);
  const frames = stack === undefined ? [] : visibleText(String(stack)).split('\n');
  const line = [paint('gray', timeOf(new Date())), level, oneLine(message), ...rest].join(' ');
  return `${[line, ...frames.map((frame) => `    ${frame.trim()}`)].join('\n')}\n`;
}

/** The local time of day: a person looks at lines as they come. */
function timeOf(now: Date): string {
  const digits = (value: number, count: number) => String(value).padStart(count, '0');
  const [hours, minutes, seconds] = [now.getHours(), now.getMinutes(), now.getSeconds()].map((each) => digits(each, 2));
  return `${hours}:${minutes}:${seconds}.${digits(now.getMilliseconds(), 3)}`;
}

/** Quotes a text in which fields could not be told apart. */
function shown(value: string | number | boolean): string {
  const text = oneLine(String(value));
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}

/** Foreign text must neither begin a line nor control the terminal. */
function oneLine(text: string): string {
  return visibleText(text).replace(/[\n\t]+/g, ' ');
}
