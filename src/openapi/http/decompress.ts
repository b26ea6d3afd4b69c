import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw, type ZlibOptions } from 'node:zlib';

/** How a body ended: all of it, cut at the bound, broken off, or not to be decompressed. */
export type BodyEnd = 'whole' | 'limit' | 'broken' | 'unreadable';

interface Body {
  readonly body: Buffer;
  readonly end: BodyEnd;
}

const codingsMax = 3;

/** The codings that are asked for. RFC 9110, 8.4.1. */
export const acceptEncoding = 'gzip, deflate, br';

/**
 * Undoes `content-encoding`, last coding first. Of what is longer than `bytesMax` the beginning; of what does not
 * decompress, nothing. Never throws.
 */
export async function decompress(given: Body, contentEncoding: string | undefined, bytesMax: number): Promise<Body> {
  const codings = (contentEncoding ?? '')
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim());
  const applied = codings.filter((coding) => coding !== '' && coding !== 'identity').reverse();
  if (applied.length > codingsMax) return { body: Buffer.alloc(0), end: 'unreadable' };
  let current = given;
  for (const coding of applied) {
    if (current.body.length === 0) return current;
    current = await undo(current, coding, bytesMax);
    if (current.end === 'unreadable') return current;
  }
  return current;
}

async function undo({ body, end }: Body, coding: string, bytesMax: number): Promise<Body> {
  const stream = decoder(coding, body);
  if (!stream) return { body: Buffer.alloc(0), end: 'unreadable' };
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.end(body);
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > bytesMax) return { body: Buffer.concat(chunks).subarray(0, bytesMax), end: 'limit' };
    }
  } catch {
    // What was cut off does not end as it should; what came of it is worth something all the same.
    return end === 'whole' ? { body: Buffer.alloc(0), end: 'unreadable' } : { body: Buffer.concat(chunks), end };
  } finally {
    stream.destroy();
  }
  return { body: Buffer.concat(chunks), end };
}

function decoder(coding: string, body: Buffer) {
  const options: ZlibOptions = { chunkSize: 65_536 };
  switch (coding) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip(options);
    case 'br':
      return createBrotliDecompress();
    case 'deflate':
      // Some servers leave out the zlib wrapper that RFC 9110, 8.4.1.2 asks for.
      return ((body[0] ?? 0) & 0x0f) === 8 ? createInflate(options) : createInflateRaw(options);
    default:
      return undefined;
  }
}
