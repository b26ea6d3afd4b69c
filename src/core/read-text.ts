import { open } from 'node:fs/promises';
import { isErrnoException } from './errors.ts';

/** The text of a file, or the reason why it cannot be read, such as "it does not exist". */
export type ReadText =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly why: string; readonly cause?: unknown };

/** Reads a UTF-8 file of at most `bytesMax` bytes. */
export async function readText(file: string, bytesMax: number): Promise<ReadText> {
  try {
    const handle = await open(file);
    try {
      const { size } = await handle.stat();
      if (size > bytesMax) return { ok: false, why: `it is larger than ${bytesMax} bytes` };
      return { ok: true, text: await handle.readFile('utf8') };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!isErrnoException(error)) throw error;
    const why = error.code === 'ENOENT' ? 'it does not exist' : `it cannot be read (${error.code})`;
    return { ok: false, why, cause: error };
  }
}
