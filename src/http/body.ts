import type { IncomingMessage } from 'node:http';

/** What became of reading a body. */
export type RequestBody =
  | { readonly type: 'json'; readonly value: unknown }
  | { readonly type: 'refused'; readonly status: number; readonly code: number; readonly message: string }
  /** The caller went away. */
  | { readonly type: 'left' };

const utf8 = new TextDecoder('utf-8', { fatal: true });
const parseError = -32_700;
const invalidRequest = -32_600;

/** Reads a body that holds one JSON value, which is an object. Never rejects. The listener bounds its time. */
export async function readJsonObject(request: IncomingMessage, bytesMax: number): Promise<RequestBody> {
  const tooLarge = refused(413, invalidRequest, `The body has more than the ${bytesMax} bytes that are read.`);
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
    return { type: 'left' };
  }
  return parse(Buffer.concat(chunks, bytes));
}

function parse(bytes: Uint8Array): RequestBody {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes));
  } catch (error) {
    return refused(400, parseError, `The body is not valid ${error instanceof SyntaxError ? 'JSON' : 'UTF-8'}.`);
  }
  if (Array.isArray(value)) return refused(400, invalidRequest, 'MCP takes no batches: send one message a request.');
  if (typeof value !== 'object' || value === null) {
    return refused(400, invalidRequest, 'The body is not a JSON-RPC message.');
  }
  return { type: 'json', value };
}

function refused(status: number, code: number, message: string): RequestBody {
  return { type: 'refused', status, code, message: `${message} Nothing was executed.` };
}
