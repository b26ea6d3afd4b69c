import type { IncomingMessage } from 'node:http';
import { invalidRequest, parseError, serverError } from '../server/jsonrpc-codes.ts';
import type { Middleware } from './middleware.ts';
import { httpError } from './node-http.ts';

type RequestBody =
  | { readonly type: 'json'; readonly value: object }
  | { readonly type: 'refused'; readonly status: number; readonly code: number; readonly message: string }
  /** The caller closed the connection. */
  | { readonly type: 'aborted' };

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Reads the JSON object of a POST. The listener's time-out bounds how long the body may take. */
export function parseBody(bytesMax: number): Middleware {
  return async (exchange, next) => {
    const { request, method } = exchange;
    if (method !== 'POST') return next(exchange);
    if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
      return httpError(415, serverError, 'The Content-Type must be application/json. Nothing was executed.');
    }
    const body = await readJsonObject(request, bytesMax);
    switch (body.type) {
      case 'json':
        return next({ ...exchange, body: body.value });
      case 'refused':
        // The rest of a body that is too large is not read, so the connection ends with the response.
        return httpError(body.status, body.code, body.message, body.status === 413 ? { connection: 'close' } : {});
      case 'aborted':
        return new Response(null, { status: 400 });
    }
  };
}

/** Never rejects. */
async function readJsonObject(request: IncomingMessage, bytesMax: number): Promise<RequestBody> {
  const tooLarge = refused(413, invalidRequest, `The body is larger than ${bytesMax} bytes.`);
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) return tooLarge;
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.byteLength;
      if (bytes > bytesMax) return tooLarge;
      chunks.push(chunk);
    }
  } catch {
    return { type: 'aborted' };
  }
  return jsonObjectIn(Buffer.concat(chunks, bytes));
}

function jsonObjectIn(bytes: Uint8Array): RequestBody {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes));
  } catch (error) {
    return refused(400, parseError, `The body is not valid ${error instanceof SyntaxError ? 'JSON' : 'UTF-8'}.`);
  }
  if (Array.isArray(value)) return refused(400, invalidRequest, 'MCP has no batches. Send one message per request.');
  if (typeof value !== 'object' || value === null) {
    return refused(400, invalidRequest, 'The body is not a JSON-RPC message.');
  }
  return { type: 'json', value };
}

function refused(status: number, code: number, message: string): RequestBody {
  return { type: 'refused', status, code, message: `${message} Nothing was executed.` };
}
