import { describeError, isErrnoException, LedgerUnavailable, McpOnceError } from '../../errors.ts';
import { SqliteMissing, sqliteCode } from './sqlite-driver.ts';

/** Tests for a lock of another connection. The statement did nothing and can run again. */
export function isSqliteBusy(error: unknown): boolean {
  const code = codeOf(error);
  return code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED');
}

export function lockedTooLong(path: string, waitedMs: number): LedgerUnavailable {
  return new LedgerUnavailable(
    `The ledger file ${path} has been locked by another process for ${waitedMs} ms: end the process that holds the lock (such as a sqlite3 shell with an open transaction, or a backup) and try again.`,
  );
}

/** Describes a fault of a ledger file in one sentence: cause, file and next step. */
export function sqliteFault(error: unknown, path: string): McpOnceError {
  if (error instanceof McpOnceError) return error;
  if (error instanceof SqliteMissing) {
    const next = `The ledger file ${path} was not opened. A redis:// store needs no SQLite.`;
    return new LedgerUnavailable(`${error.message} ${next}`, { cause: error });
  }
  const code = codeOf(error);
  return new LedgerUnavailable(sentence(code, describeError(error), path), { cause: error, isLasting: lasts(code) });
}

/** Whether only a person can correct the fault: it is not a matter of load, space or another process. */
function lasts(code: string): boolean {
  return /^(?:SQLITE_(?:NOTADB|CORRUPT|READONLY(?!_DBMOVED))|EROFS|EACCES|EPERM|EISDIR|ENOTDIR)/.test(code);
}

function sentence(code: string, description: string, path: string): string {
  const file = `The ledger file ${path}`;
  if (code.startsWith('SQLITE_READONLY') || code === 'EROFS' || code === 'EACCES' || code === 'EPERM') {
    return `${file} is read-only for this process: allow writing to the file and to its folder, or choose another file.`;
  }
  if (code.startsWith('SQLITE_FULL') || code === 'ENOSPC' || code === 'EDQUOT') {
    return `The disk is full, so that the ledger file ${path} cannot be written: free some space and try again.`;
  }
  if (code === 'SQLITE_NOTADB') {
    return `The file ${path} is not a ledger (not a SQLite database): move it away, or choose another file.`;
  }
  if (code.startsWith('SQLITE_CORRUPT')) {
    return `${file} is damaged: restore it from a backup, or save what is left with "sqlite3 FILE .recover".`;
  }
  if (code.startsWith('SQLITE_CANTOPEN') || code === 'ENOTDIR' || code === 'EISDIR' || code === 'ENOENT') {
    return `${file} cannot be opened (${description}): check that its folder exists, is readable, and that the path is a file.`;
  }
  if (code === 'SQLITE_IOERR_SHORT_READ') return `${file} was cut short: restore it from a backup.`;
  if (code.startsWith('SQLITE_IOERR') || code === 'EIO') {
    return `The disk failed to read or write the ledger file ${path} (${code}): check the disk.`;
  }
  return `${file} failed (${code ? `${code}: ` : ''}${description}).`;
}

function codeOf(error: unknown): string {
  return sqliteCode(error) ?? (isErrnoException(error) ? (error.code ?? '') : '');
}
