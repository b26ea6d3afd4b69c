import { isId, type RpcId } from './message.ts';

const newline = 0x0a;
/** How much of a line's beginning and end is kept, in bytes. */
const excerptBytes = 300;

/** The beginning and the end of a line. */
interface Excerpt {
  readonly head: string;
  readonly tail: string;
}

/** Keeps the beginning and the end of a line that is too long to read. One of them holds the response's id. */
export class LineExcerpt {
  #head: Buffer = Buffer.alloc(0);
  #tail: Buffer = Buffer.alloc(0);

  /** @returns the excerpt of the line that began before this chunk and ends in it. */
  push(chunk: Buffer): Excerpt | undefined {
    const end = chunk.indexOf(newline);
    this.#keep(end === -1 ? chunk : chunk.subarray(0, end));
    if (end === -1) return undefined;
    const excerpt = { head: this.#head.toString('utf8'), tail: this.#tail.toString('utf8') };
    this.#head = Buffer.alloc(0);
    this.#tail = Buffer.alloc(0);
    this.#keep(chunk.subarray(chunk.lastIndexOf(newline) + 1));
    return excerpt;
  }

  #keep(part: Buffer): void {
    const room = excerptBytes - this.#head.length;
    if (room > 0) this.#head = Buffer.concat([this.#head, part.subarray(0, room)]);
    this.#tail = Buffer.concat([this.#tail, part.subarray(-excerptBytes)]).subarray(-excerptBytes);
  }
}

const id = '("(?:[^"\\\\]|\\\\.){1,200}"|-?\\d{1,16})';
const first = new RegExp(`^\\s*\\{\\s*"jsonrpc"\\s*:\\s*"2\\.0"\\s*,\\s*"id"\\s*:\\s*${id}\\s*,\\s*"result"`);
const last = new RegExp(`,"id":${id}\\}\\s*$`);

/** Finds the id of a response in its excerpt, where the peer wrote it first or last. */
export function responseIdIn({ head, tail }: Excerpt): RpcId | undefined {
  const found = first.exec(head)?.[1] ?? last.exec(tail)?.[1];
  if (found === undefined) return undefined;
  const value: unknown = JSON.parse(found);
  return isId(value) ? value : undefined;
}
