import { createHash, randomUUID } from 'node:crypto';
import { chown, open, readdir, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { refuse } from '../../command/cli.ts';
import { isErrnoException } from '../../core/errors.ts';

/** No client's settings are larger, in bytes. */
const fileBytesMax = 64 * 1_024 * 1_024;

/** A client's file and its content. */
export interface ClientFile {
  /** The path of the file itself, with symbolic links resolved. */
  readonly path: string;
  readonly bytes: Buffer;
  readonly mode: number;
  readonly owner: { readonly uid: number; readonly gid: number };
}

/** A copy of a file from before it was rewritten. */
interface Backup {
  readonly path: string;
  /** The path of the file. */
  readonly original: string;
  readonly number: number;
  /** The beginning of the hash of the content that replaced it. */
  readonly writtenHash: string;
}

/** Reads a client's file. @throws McpOnceError `invalid_input` when it cannot be read. */
export async function readClientFile(named: string): Promise<ClientFile> {
  try {
    const path = await realpath(named);
    const { size, mode, uid, gid } = await stat(path);
    if (size > fileBytesMax) refuse(`${named}: the file is larger than ${fileBytesMax} bytes. Nothing was changed.`);
    return { path, bytes: await readFile(path), mode: mode & 0o7777, owner: { uid, gid } };
  } catch (error) {
    if (!isErrnoException(error)) throw error;
    const why = error.code === 'ENOENT' ? 'the file does not exist' : `the file cannot be read (${error.code})`;
    return refuse(`${named}: ${why}. Nothing was changed.`);
  }
}

/** What an undo starts with. */
export interface ClientFileUndo {
  /** The file as it was before it was rewritten, if nobody has changed it since; its present content otherwise. */
  readonly bytes: Buffer;
  /** The backups of the file, newest first. */
  readonly backups: readonly Backup[];
}

/** Goes back from backup to backup, as long as the content is the one that replaced it. */
export async function undoOf(file: ClientFile): Promise<ClientFileUndo> {
  const backups = await backupsOf(file.path);
  let { bytes } = file;
  for (const backup of backups) {
    if (backup.writtenHash === hashOf(bytes)) bytes = (await readClientFile(backup.path)).bytes;
  }
  return { bytes, backups };
}

/** Removes the backups of a file. They may hold secrets that the file no longer has. */
export async function removeBackups({ backups }: Pick<ClientFileUndo, 'backups'>): Promise<void> {
  await Promise.all(backups.map(({ path }) => rm(path, { force: true })));
}

/** Lists the backups of a file, newest first. */
async function backupsOf(path: string): Promise<readonly Backup[]> {
  const start = `${basename(path)}.mcp-once-`;
  const names = (await readdir(dirname(path))).filter((name) => name.startsWith(start));
  const found = names.flatMap((name) => {
    const [, number, writtenHash] = /^(\d{1,6})-([0-9a-f]{16})\.bak$/.exec(name.slice(start.length)) ?? [];
    if (number === undefined || writtenHash === undefined) return [];
    return [{ path: join(dirname(path), name), original: path, number: Number(number), writtenHash }];
  });
  return found.toSorted((a, b) => b.number - a.number);
}

/**
 * Copies the file to a new name beside it, and then replaces the file.
 *
 * @returns the path of the copy.
 * @throws McpOnceError `invalid_input`
 */
export async function replaceWithBackup(file: ClientFile, next: Buffer): Promise<string> {
  const [newest] = await backupsOf(file.path);
  const path = `${file.path}.mcp-once-${(newest?.number ?? 0) + 1}-${hashOf(next)}.bak`;
  await orRefuse(file.path, () => writeNew(path, file.bytes, file));
  try {
    await replaceFile(file, next);
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
  return path;
}

/**
 * Replaces a file atomically and keeps its mode. Refuses when the file has changed since it was read, because its
 * client may write it at any time.
 *
 * @throws McpOnceError `invalid_input`
 */
export async function replaceFile(file: ClientFile, next: Buffer): Promise<void> {
  const temporary = join(dirname(file.path), `.${basename(file.path)}.${randomUUID()}.tmp`);
  await orRefuse(file.path, async () => {
    try {
      await writeNew(temporary, next, file);
      if (!(await readFile(file.path)).equals(file.bytes)) {
        refuse(`${file.path}: another program changed the file. Nothing was written. Close its client and try again.`);
      }
      await rename(temporary, file.path);
    } finally {
      await rm(temporary, { force: true });
    }
  });
}

async function orRefuse(path: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!isErrnoException(error)) throw error;
    refuse(`${path}: the file cannot be written (${error.code}). Nothing was changed.`);
  }
}

async function writeNew(path: string, bytes: Buffer, { mode, owner }: ClientFile): Promise<void> {
  const handle = await open(path, 'wx', mode);
  try {
    // The umask may have removed bits.
    await handle.chmod(mode);
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (process.getuid?.() === 0) await chown(path, owner.uid, owner.gid);
}

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}
