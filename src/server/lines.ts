/** A part of a byte stream that ends at a newline. */
export type Line =
  /** Without its newline. The bytes are valid until the next line is read. */
  | { readonly type: 'line'; readonly bytes: Buffer }
  /** Comes as soon as a line exceeds the limit. The rest of the line is dropped. */
  | { readonly type: 'over_bound' };

const newline = 0x0a;
const carriageReturn = 0x0d;
/** A buffer larger than this is freed after its line, in bytes. */
const keptBytesMax = 1_048_576;

/**
 * Cuts chunks into lines. A line ends with LF or CRLF, and empty lines are skipped. A line within one chunk is not
 * copied. A longer one is copied into a buffer that doubles, so the time stays linear. Buffers at most twice
 * `lineBytesMax`.
 */
export class LineReader {
  readonly #lineBytesMax: number;
  #held = Buffer.alloc(0);
  #heldBytes = 0;
  #dropping = false;

  /** @param lineBytesMax the longest line, in bytes, without its LF */
  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax;
  }

  *push(chunk: Buffer): Generator<Line> {
    let from = 0;
    for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, from)) {
      const line = this.#take(chunk.subarray(from, at));
      if (line) yield line;
      from = at + 1;
    }
    const overBound = this.#hold(chunk.subarray(from));
    if (overBound) yield overBound;
  }

  /** Yields what follows the last newline. Call it when the stream has ended. */
  *end(): Generator<Line> {
    const line = this.#take(Buffer.alloc(0));
    if (line) yield line;
  }

  /** Completes a line with its last part. */
  #take(part: Buffer): Line | undefined {
    const overBound = this.#hold(part, true);
    if (overBound) {
      this.#dropping = false;
      return overBound;
    }
    if (this.#dropping) {
      this.#dropping = false;
      return undefined;
    }
    const whole = this.#heldBytes === 0 ? part : this.#held.subarray(0, this.#heldBytes);
    this.#heldBytes = 0;
    if (this.#held.length > keptBytesMax) this.#held = Buffer.alloc(0);
    const bytes = whole.at(-1) === carriageReturn ? whole.subarray(0, -1) : whole;
    return bytes.length === 0 ? undefined : { type: 'line', bytes };
  }

  /** Buffers a part of a line. The only part of a line is not copied. */
  #hold(part: Buffer, last = false): Line | undefined {
    if (this.#dropping) return undefined;
    const bytes = this.#heldBytes + part.length;
    if (bytes > this.#lineBytesMax) {
      this.#held = Buffer.alloc(0);
      this.#heldBytes = 0;
      this.#dropping = true;
      return { type: 'over_bound' };
    }
    if (part.length === 0 || (last && this.#heldBytes === 0)) return undefined;
    if (bytes > this.#held.length) {
      const larger = Buffer.allocUnsafe(Math.max(bytes, 2 * this.#held.length, 4_096));
      this.#held.copy(larger, 0, 0, this.#heldBytes);
      this.#held = larger;
    }
    part.copy(this.#held, this.#heldBytes);
    this.#heldBytes = bytes;
    return undefined;
  }
}
