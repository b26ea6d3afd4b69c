import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw, type ZlibOptions } from 'node:zlib';

/** Whether a body is complete, was cut at the limit, broke off, or could not be decompressed. */
export type BodyCompleteness = 'complete' | 'too-long' | 'broken' | 'undecodable';

interface Body {
  readonly body: Buffer;
  readonly completeness: BodyCompleteness;
}

const codingsMax = 3;

/** The value of the `accept-encoding` header (RFC 9110, 8.4.1). */
export const acceptEncoding = 'gzip, deflate, br';

/**
 * Decompresses a body by its `content-encoding`, last coding first. Returns the beginning of a body longer than
 * `bytesMax`, and an empty body if decompression fails. Never throws.
 */
export async function decompress(given: Body, contentEncoding: string | undefined, bytesMax: number): Promise<Body> {
  const codings = (contentEncoding ?? '')
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim());
  const applied = codings.filter((coding) => coding !== '' && coding !== 'identity').reverse();
  if (applied.length > codingsMax) return { body: Buffer.alloc(0), completeness: 'undecodable' };
  let current = given;
  for (const coding of applied) {
    if (current.body.length === 0) return current;
    current = await undoCoding(current, coding, bytesMax);
    if (current.completeness === 'undecodable') return current;
  }
  return current;
}

async function undoCoding({ body, completeness }: Body, coding: string, bytesMax: number): Promise<Body> {
  const stream = decoder(coding, body);
  if (!stream) return { body: Buffer.alloc(0), completeness: 'undecodable' };
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.end(body);
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > bytesMax) return { body: Buffer.concat(chunks).subarray(0, bytesMax), completeness: 'too-long' };
    }
  } catch {
    // A body that was cut off always ends in an error. The part before the cut is still useful.
    return completeness === 'complete'
      ? { body: Buffer.alloc(0), completeness: 'undecodable' }
      : { body: Buffer.concat(chunks), completeness };
  } finally {
    stream.destroy();
  }
  return { body: Buffer.concat(chunks), completeness };
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
      // Some servers omit the zlib wrapper that RFC 9110, 8.4.1.2 requires.
      return ((body[0] ?? 0) & 0x0f) === 8 ? createInflate(options) : createInflateRaw(options);
    default:
      return undefined;
  }
}
