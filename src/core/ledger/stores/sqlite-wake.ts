import { closeSync, constants, type FSWatcher, openSync, watch, writeSync } from 'node:fs';
import type { Database, Statement } from 'better-sqlite3';
import { Watchers } from './watchers.ts';

/** The fall-back where the file system tells of no changes: within 100 ms, whatever the file system. */
const pollIntervalMs = 50;
const mark = Buffer.from('\n');

/**
 * Tells the processes that share a ledger file of a `wake`.
 *
 * Beside the database lies a file of one byte. Whoever wakes writes it, whoever watches has the system tell
 * it of the write (1 ms), and besides asks SQLite every 50 ms whether another connection has committed. Both say that
 * something changed, not what, so every watcher of the process reads again.
 */
export class SqliteWake {
  readonly #path: string;
  readonly #watchers = new Watchers();
  readonly #dataVersion: Statement<[], number>;
  #seenVersion = 0;
  #file: number | undefined;
  #watcher: FSWatcher | undefined;
  #poll: NodeJS.Timeout | undefined;
  #announcing = false;

  constructor(database: Database, databasePath: string) {
    this.#path = `${databasePath}-wake`;
    this.#dataVersion = database.prepare<[], number>('PRAGMA data_version').pluck();
    try {
      this.#file = openSync(this.#path, constants.O_RDWR | constants.O_CREAT, 0o600);
    } catch {
      // Without the file, the poll remains.
      this.#file = undefined;
    }
  }

  watch(key: string, listener: () => void): () => void {
    const end = this.#watchers.add(key, listener);
    if (this.#poll === undefined) this.#start();
    return () => {
      end();
      if (this.#watchers.size === 0) this.#stop();
    };
  }

  /** After a commit: the watchers of this process directly, the others once a turn. */
  announce(key: string): void {
    this.#watchers.wake(key);
    if (this.#announcing || this.#file === undefined) return;
    this.#announcing = true;
    queueMicrotask(() => {
      this.#announcing = false;
      try {
        if (this.#file !== undefined) writeSync(this.#file, mark, 0, 1, 0);
      } catch {
        // A full disk, say. The commit stands, and the others poll.
      }
    });
  }

  close(): void {
    this.#stop();
    this.#watchers.clear();
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #start(): void {
    this.#seenVersion = this.#dataVersion.get() ?? 0;
    this.#poll = setInterval(() => this.#wakeIfCommitted(), pollIntervalMs).unref();
    try {
      this.#watcher = watch(this.#path, { persistent: false }, () => this.#watchers.wakeAll());
      this.#watcher.on('error', () => this.#watcher?.close());
    } catch {
      this.#watcher = undefined;
    }
  }

  #stop(): void {
    clearInterval(this.#poll);
    this.#poll = undefined;
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #wakeIfCommitted(): void {
    let version: number;
    try {
      version = this.#dataVersion.get() ?? 0;
    } catch {
      // The file is in trouble: those who read it will be told.
      return;
    }
    if (version === this.#seenVersion) return;
    this.#seenVersion = version;
    this.#watchers.wakeAll();
  }
}
