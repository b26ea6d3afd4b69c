import type { IncomingMessage } from 'node:http';
import { parseObject } from '../server/incoming.ts';
import { invalidRequest, serverError } from '../server/jsonrpc-codes.ts';
import type { Middleware } from './middleware.ts';
import { httpError } from './node-http.ts';

type BodyBytes =
  | { readonly type: 'bytes'; readonly bytes: Uint8Array }
  | { readonly type: 'too_large' }
  /** The caller closed the connection. */
  | { readonly type: 'aborted' };

/** Reads the JSON object of a POST. The listener's time-out bounds how long the body may take. */
export function parseBody(bytesMax: number): Middleware {
  return async (exchange, next) => {
    const { request, method } = exchange;
    if (method !== 'POST') return next(exchange);
    if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
      return httpError(415, serverError, 'The Content-Type must be application/json. Nothing was executed.');
    }
    const body = await readBytes(request, bytesMax);
    if (body.type === 'aborted') return new Response(null, { status: 400 });
    if (body.type === 'too_large') {
      const message = `The body is larger than ${bytesMax} bytes. Nothing was executed.`;
      // The rest of the body is not read, so the connection ends with the response.
      return httpError(413, invalidRequest, message, { connection: 'close' });
    }
    const parsed = parseObject(body.bytes, 'body');
    return parsed.type === 'object'
      ? next({ ...exchange, body: parsed.value })
      : httpError(400, parsed.code, parsed.message);
  };
}

/** Never rejects. */
async function readBytes(request: IncomingMessage, bytesMax: number): Promise<BodyBytes> {
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) return { type: 'too_large' };
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.byteLength;
      if (bytes > bytesMax) return { type: 'too_large' };
      chunks.push(chunk);
    }
  } catch {
    return { type: 'aborted' };
  }
  return { type: 'bytes', bytes: Buffer.concat(chunks, bytes) };
}
