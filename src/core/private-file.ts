import { chmodSync, lstatSync, statSync } from 'node:fs';
import { describeError } from './errors.ts';

/** The permissions of other users. */
const othersMask = 0o077;
/** The permissions to read and write a file. */
const readWriteMask = 0o066;

/**
 * Takes the permissions of other users away from a file or folder that may hold secrets. Corrects only what belongs to
 * the user of this process.
 *
 * @param path a symbolic link is followed for the file that a person has named, and not for the files beside it
 * @returns a sentence that says what was found; undefined if only the owner has access, and on Windows
 */
export function closeToOthers(
  path: string,
  { followsLink = false }: { followsLink?: boolean } = {},
): string | undefined {
  const ownId = process.getuid?.();
  if (ownId === undefined) return undefined;
  const found = (followsLink ? statSync : lstatSync)(path, { throwIfNoEntry: false });
  if (!found || !(found.isFile() || found.isDirectory()) || (found.mode & readWriteMask) === 0) return undefined;
  const exposed = `other users could access ${path} (mode ${octal(found.mode)})`;
  const advice = 'change its mode with chmod, so that only its owner can read and write it';
  if (found.uid !== ownId) return `${exposed}, and it belongs to another user: ${advice}`;
  const corrected = found.mode & ~othersMask;
  try {
    chmodSync(path, corrected & 0o7777);
    return `${exposed}: its mode is now ${octal(corrected)}`;
  } catch (error) {
    return `${exposed}, and its mode cannot be changed (${describeError(error)}): ${advice}`;
  }
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, '0');
}
