import { SqliteConnection, type SqliteDriver, SqliteMissing } from '../../src/core/ledger/stores/sqlite-driver.ts';

/** Returns the SQLite drivers that work on this Node. */
export function driversHere(): SqliteDriver[] {
  return (['node:sqlite', '@photostructure/sqlite'] as const).filter((driver) => {
    try {
      new SqliteConnection(':memory:', { driver }).close();
      return true;
    } catch (error) {
      if (error instanceof SqliteMissing) return false;
      throw error;
    }
  });
}
