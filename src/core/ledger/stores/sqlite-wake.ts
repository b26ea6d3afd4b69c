import { closeSync, constants, type FSWatcher, openSync, watch, writeSync } from 'node:fs';
import type { SqliteConnection, SqliteStatement } from './sqlite-driver.ts';
import { Watchers } from './watchers.ts';

/** The fallback for file systems without change notifications, so that a wake arrives within 100 ms. */
const pollIntervalMs = 50;
const mark = Buffer.from('\n');

/**
 * Sends a `wake` to the other processes that share a ledger file.
 *
 * A file of one byte lies next to the database. A wake writes to it, and the operating system notifies the watching
 * processes within 1 ms. They also ask SQLite every 50 ms whether another connection has committed. Both signals say only
 * that something changed, so every watcher of the process reads again.
 */
export class SqliteWake {
  readonly #path: string;
  readonly #watchers = new Watchers();
  readonly #dataVersion: SqliteStatement<[], number>;
  #seenVersion = 0;
  #file: number | undefined;
  #watcher: FSWatcher | undefined;
  #poll: NodeJS.Timeout | undefined;
  #announcing = false;

  constructor(database: SqliteConnection, databasePath: string) {
    this.#path = `${databasePath}-wake`;
    this.#dataVersion = database.prepareColumn<[], number>('PRAGMA data_version');
    try {
      this.#file = openSync(this.#path, constants.O_RDWR | constants.O_CREAT, 0o600);
    } catch {
      // Without this file watchers only poll.
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

  /** Wakes the watchers after a commit: those of this process directly, other processes once per turn. */
  announce(key: string): void {
    this.#watchers.wake(key);
    if (this.#announcing || this.#file === undefined) return;
    this.#announcing = true;
    queueMicrotask(() => {
      this.#announcing = false;
      try {
        if (this.#file !== undefined) writeSync(this.#file, mark, 0, 1, 0);
      } catch {
        // For example a full disk. The commit is done, and other processes poll.
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
      // If the file has a problem, the next read reports it to its caller.
      return;
    }
    if (version === this.#seenVersion) return;
    this.#seenVersion = version;
    this.#watchers.wakeAll();
  }
}
