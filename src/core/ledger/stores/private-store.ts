import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { closeToOthers } from '../../private-file.ts';

const sticky = 0o1000;
const othersWrite = 0o002;

/**
 * Takes the permissions of other users away from the files of a SQLite store, which hold arguments and results. Does
 * nothing for other stores. New files get the right mode when they are created.
 *
 * @param isOwnFolder whether the folder is the default one. A folder that a person has chosen stays as it is.
 * @param warn gets one sentence for each file that was open to others
 */
export function closeStoreToOthers(url: string, isOwnFolder: boolean, warn: (message: string) => void): void {
  if (!url.startsWith('sqlite:')) return;
  const path = url.slice('sqlite:'.length);
  const report = (message: string | undefined): void => {
    if (message !== undefined) warn(`The ledger: ${message}.`);
  };
  try {
    report(isOwnFolder ? closeToOthers(dirname(path)) : problemOfFolder(dirname(path)));
    report(closeToOthers(path, { followsLink: true }));
    for (const suffix of ['-wal', '-shm', '-wake']) report(closeToOthers(path + suffix));
  } catch {
    // A path that cannot be read is reported when the ledger opens.
  }
}

/** In a folder that everybody may write to, others can replace the files. A sticky folder such as /tmp prevents that. */
function problemOfFolder(folder: string): string | undefined {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (process.getuid === undefined || !found || (found.mode & othersWrite) === 0 || found.mode & sticky)
    return undefined;
  return `every user can replace the files in ${folder}: take the permission to write from others, or choose another folder`;
}
