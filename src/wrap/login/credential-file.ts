import { createHash, randomUUID } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { OAuthClientInformationFullSchema, OAuthTokensSchema } from '@modelcontextprotocol/sdk/shared/auth.js';
import { z } from 'zod';
import { isErrnoException } from '../../core/errors.ts';

const credentialsSchema = z.object({
  /** As it registered itself with the authorization server. */
  client: OAuthClientInformationFullSchema.optional(),
  tokens: OAuthTokensSchema.optional(),
});

/** What one login left behind. */
export type Credentials = z.infer<typeof credentialsSchema>;

/** How often a lock that is held is asked for again, in ms, and how long at the most. */
const lockPollMs = 50;
const lockWaitMs = 40_000;
/** A lock that was not given back within this time was left by a process that has ended, in ms. */
const lockStaleMs = 35_000;

/** Where the login of one server and account is kept: a file that only its user may read. */
export class CredentialFile {
  readonly #folder: string;
  readonly #path: string;

  /** @param server its URL; the query, which may hold a secret, is no part of the name. */
  constructor(folder: string, server: URL, account: string) {
    const named = createHash('sha256').update(JSON.stringify([server.origin, server.pathname, account]));
    const host = server.host.replace(/[^\w.-]/g, '_').slice(0, 100);
    this.#folder = folder;
    this.#path = join(folder, `${host}-${named.digest('hex').slice(0, 16)}.json`);
  }

  /** What is kept; nothing where there is no file, or one that cannot be used. */
  async read(): Promise<Credentials> {
    try {
      return credentialsSchema.parse(JSON.parse(await readFile(this.#path, 'utf8')));
    } catch {
      return {};
    }
  }

  /** Replaces what is kept, in one step. @throws when it cannot be written. */
  async write(credentials: Credentials): Promise<void> {
    await this.#makeFolder();
    const temporary = `${this.#path}.${randomUUID()}.tmp`;
    try {
      const handle = await open(temporary, 'wx', 0o600);
      try {
        await handle.writeFile(JSON.stringify(credentials));
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(temporary, this.#path);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  /**
   * Works while no other process does: a refresh token that two of them use at once may end the login
   * (RFC 9700, 4.14.2). Bounded: a lock that is not given back is taken.
   */
  async locked<T>(work: () => Promise<T>): Promise<T> {
    await this.#makeFolder();
    const lock = `${this.#path}.lock`;
    const deadlineMs = performance.now() + lockWaitMs;
    while (!(await isTaken(lock)) && performance.now() < deadlineMs) await sleep(lockPollMs);
    try {
      return await work();
    } finally {
      await rm(lock, { force: true });
    }
  }

  async #makeFolder(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await chmod(this.#folder, 0o700);
  }
}

/** Takes the lock, where nobody holds it. */
async function isTaken(lock: string): Promise<boolean> {
  try {
    await (await open(lock, 'wx', 0o600)).close();
    return true;
  } catch (error) {
    if (!isErrnoException(error) || error.code !== 'EEXIST') throw error;
    const heldSinceMs = await stat(lock).then(
      ({ mtimeMs }) => mtimeMs,
      () => Date.now(),
    );
    if (Date.now() - heldSinceMs > lockStaleMs) await rm(lock, { force: true });
    return false;
  }
}
