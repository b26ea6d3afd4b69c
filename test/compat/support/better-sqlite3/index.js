import { DatabaseSync } from '@photostructure/sqlite';

/** The part of better-sqlite3 that `mcp-server-sqlite` uses. */
// biome-ignore lint/style/noDefaultExport: better-sqlite3 has one.
export default class Database extends DatabaseSync {
  constructor(path) {
    super(path);
  }

  pragma(source) {
    return this.prepare(`PRAGMA ${source}`).all();
  }
}
