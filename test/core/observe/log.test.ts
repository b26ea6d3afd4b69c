import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { faultFields } from '../../../src/core/errors.ts';
import { createLog, type LogOptions } from '../../../src/core/observe/log.ts';

/** Returns what a log writes to a pipe, or to a stream that says that it is a terminal. */
function written(
  options: Omit<LogOptions, 'destination'>,
  write: (log: ReturnType<typeof createLog>) => void,
  terminal = {},
) {
  const destination = Object.assign(new PassThrough(), terminal);
  write(createLog({ ...options, destination }));
  return String(destination.read() ?? '');
}

const fault = new TypeError('cannot read', { cause: new Error('closed', { cause: 'the other side left' }) });

describe('lines for people', () => {
  it('have time, level, message and fields, one line for each message', () => {
    const text = written({ level: 'info', format: 'pretty' }, (log) => {
      log.info('settled', { tool: 'create_invoice', attempt: 2, replayed: false, why: 'two words' });
      log.debug('not written');
    });
    expect(text).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} info {2}settled tool=create_invoice attempt=2 replayed=false why="two words"\n$/,
    );
  });

  it('keep foreign text on its line and away from the terminal', () => {
    const text = written({ level: 'warn', format: 'pretty' }, (log) =>
      log.warn('a\n12:00:00.000 error forged \u001b[2J', { tool: 'x y="z"\r\n\u202e' }),
    );
    expect(text.trimEnd().split('\n')).toHaveLength(1);
    for (const control of ['\u001b', '\u202e', '\r']) expect(text).not.toContain(control);
  });

  it('name the causes of an error, and show its stack at level debug only', () => {
    const write = (level: 'warn' | 'debug') =>
      written({ level, format: 'pretty' }, (log) => log.warn('internal fault: cannot read', faultFields(fault)));
    expect(write('warn')).toMatch(
      / warn {2}internal fault: cannot read error=TypeError cause="closed: the other side left"\n$/,
    );
    expect(write('debug')).toMatch(/\n {4}TypeError: cannot read\n {4}at .*log\.test\.ts/);
  });

  it('have colors in a terminal that shows them', () => {
    const terminal = { isTTY: true, hasColors: () => true };
    const text = written({ level: 'info' }, (log) => log.error('failed'), terminal);
    expect(text).toContain('\u001b[31merror\u001b[39m failed');
    expect(written({ level: 'info' }, (log) => log.error('failed'), { isTTY: true })).not.toContain('\u001b');
  });
});

describe('JSON', () => {
  it('is the format for a pipe', () => {
    const [line = ''] = written({ level: 'info' }, (log) => log.warn('internal fault', faultFields(fault))).split('\n');
    const { time, ...fields } = JSON.parse(line);
    expect(Date.parse(time)).not.toBeNaN();
    expect(fields).toEqual({
      level: 'warn',
      pid: process.pid,
      error: 'TypeError',
      cause: 'closed: the other side left',
      msg: 'internal fault',
    });
  });

  it('is written to a terminal if it is chosen', () => {
    const text = written({ level: 'info', format: 'json' }, (log) => log.info('settled'), { isTTY: true });
    expect(JSON.parse(text)).toMatchObject({ level: 'info', msg: 'settled' });
  });

  it('has the stack of an error at level debug', () => {
    const text = written({ level: 'debug' }, (log) => log.error('uncaught', faultFields(fault)));
    expect(JSON.parse(text).stack).toMatch(/^TypeError: cannot read\n +at /);
  });
});

describe('the fields of an error', () => {
  it('are bounded for a chain of causes that never ends', () => {
    const error = new Error('again');
    error.cause = error;
    expect(faultFields(error).cause?.split(': ')).toHaveLength(5);
    expect(faultFields('a text')).toEqual({});
  });
});
