import { PassThrough, Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Line, LineReader } from '../../src/server/lines.ts';
import { StdioTransport } from '../../src/server/stdio.ts';

const shown = (line: Line): string => (line.type === 'line' ? line.bytes.toString('latin1') : '<over bound>');

function read(chunks: readonly Buffer[], lineBytesMax: number): string[] {
  const reader = new LineReader(lineBytesMax);
  const lines: string[] = [];
  for (const chunk of chunks) for (const line of reader.push(chunk)) lines.push(shown(line));
  for (const line of reader.end()) lines.push(shown(line));
  return lines;
}

/** What the lines are, said without any state. */
function expected(text: string, lineBytesMax: number): string[] {
  return text.split('\n').flatMap((line) => {
    if (line.length > lineBytesMax) return ['<over bound>'];
    const bare = line.endsWith('\r') ? line.slice(0, -1) : line;
    return bare === '' ? [] : [bare];
  });
}

describe('the line reader', () => {
  test('yields the same lines however the bytes are chunked', () => {
    const piece = fc.constantFrom('a', 'bb', '\n', '\r\n', '\r', 'ccccccc', '\xff');
    const arbitrary = fc.array(fc.array(piece, { maxLength: 8 }), { maxLength: 8 });
    fc.assert(
      fc.property(arbitrary, fc.integer({ min: 1, max: 12 }), (chunks, bound) => {
        const buffers = chunks.map((pieces) => Buffer.from(pieces.join(''), 'latin1'));
        expect(read(buffers, bound)).toEqual(expected(Buffer.concat(buffers).toString('latin1'), bound));
      }),
      { numRuns: 1_000 },
    );
  });

  test('buffers at most its limit for a line that never ends', () => {
    const reader = new LineReader(1_000);
    const told = Array.from({ length: 100 }, () => [...reader.push(Buffer.alloc(1_000, 'x'))]).flat();
    expect(told).toEqual([{ type: 'over_bound' }]);
    expect([...reader.push(Buffer.from('\nok\n'))].map(shown)).toEqual(['ok']);
  });
});

describe('the transport', () => {
  const ping = { jsonrpc: '2.0', method: 'notifications/x' } as const;

  test('reads nothing while the output is full, and continues when it is read', async () => {
    const input = new PassThrough();
    const output = new PassThrough({ highWaterMark: 10 });
    const transport = new StdioTransport({ input, output });
    await transport.start();
    const sent = transport.send(ping);
    expect(input.isPaused()).toBe(true);
    output.resume();
    await sent;
    await turn();
    expect(input.isPaused()).toBe(false);
  });

  test('responds with an error to requests over its limit in flight, and serves the others', async () => {
    const input = new PassThrough();
    const output = new PassThrough();
    const transport = new StdioTransport({ input, output, inFlightMax: 1 });
    const seen: unknown[] = [];
    transport.onmessage = (message) => seen.push(message);
    await transport.start();
    input.write('{"jsonrpc":"2.0","id":1,"method":"ping"}\n{"jsonrpc":"2.0","id":2,"method":"ping"}\n');
    const refused = JSON.parse(String(await new Promise((resolve) => output.once('data', resolve))));
    expect(refused).toMatchObject({ id: 2, error: { code: -32603 } });
    expect(seen).toHaveLength(1);
    const settled = transport.settled();
    await transport.send({ jsonrpc: '2.0', id: 1, result: {} });
    await settled;
  });

  test('is settled only after every response has been written', async () => {
    const input = new PassThrough();
    let written = (): void => {};
    const output = new Writable({
      write: (_chunk, _encoding, done) => {
        written = done;
      },
    });
    const transport = new StdioTransport({ input, output });
    await transport.start();
    input.write('{"jsonrpc":"2.0","id":1,"method":"ping"}\n');
    await turn();
    let settled = false;
    const settling = transport.settled().then(() => {
      settled = true;
    });
    await turn();
    expect(settled).toBe(false);
    const sent = transport.send({ jsonrpc: '2.0', id: 1, result: {} });
    await turn();
    expect(settled).toBe(false);
    written();
    await Promise.all([sent, settling]);
  });

  test('reports a failed output once, ends, and refuses to send', async () => {
    const input = new PassThrough();
    const output = new PassThrough();
    const told: string[] = [];
    const transport = new StdioTransport({ input, output, onEnd: () => told.push('end') });
    transport.onclose = () => told.push('close');
    await transport.start();
    input.write('{"jsonrpc":"2.0","id":1,"method":"ping"}\n');
    const settled = transport.settled();
    output.destroy(new Error('EPIPE'));
    await settled;
    output.emit('error', new Error('EPIPE'));
    await transport.close();
    expect(told).toEqual(['close', 'end']);
    await expect(transport.send(ping)).rejects.toThrow('closed');
  });

  test('does not call onEnd when its owner closes it', async () => {
    const told: string[] = [];
    const input = new PassThrough();
    const transport = new StdioTransport({ input, output: new PassThrough(), onEnd: () => told.push('end') });
    transport.onclose = () => told.push('close');
    await transport.start();
    await transport.close();
    await transport.close();
    input.end();
    await turn();
    expect(told).toEqual(['close']);
    await expect(transport.start()).rejects.toThrow('already been started');
  });
});

/** Lets everything run that is ready to. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}
