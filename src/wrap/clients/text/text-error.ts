/** How deep settings may be nested. */
export const depthMax = 200;

/** Thrown for a text that is not valid. It names the place, and never quotes the text, which may hold a secret. */
export class TextError extends Error {
  readonly line: number;
  readonly column: number;

  /** @param line counts from 1, as `column` does. */
  constructor(line: number, column: number) {
    super(`line ${line}, column ${column}`);
    this.line = line;
    this.column = column;
  }
}
