import { createHash, randomUUID } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { OAuthClientInformationFullSchema, OAuthTokensSchema } from '@modelcontextprotocol/sdk/shared/auth.js';
import { z } from 'zod';
import { isErrnoException } from '../../core/errors.ts';
import { closeToOthers } from '../../core/private-file.ts';

/** How many authorization servers of one server are remembered. The oldest is forgotten first. */
export const clientsMax = 8;

const credentialsSchema = z.object({
  /** The registrations of the client, newest first. Each names the authorization server that it belongs to. */
  clients: z.array(OAuthClientInformationFullSchema).max(clientsMax),
  /** Of the authorization server that they name. */
  tokens: OAuthTokensSchema.optional(),
});

/** The format before a file could hold several registrations. */
const singleClientSchema = z
  .object({ client: OAuthClientInformationFullSchema.optional(), tokens: OAuthTokensSchema.optional() })
  .transform(({ client, tokens }) => ({ clients: client === undefined ? [] : [client], tokens }));

/** The stored results of one login. */
export type Credentials = z.infer<typeof credentialsSchema>;

/** How often and how long a process tries to take a lock, in ms. */
const lockPollMs = 50;
const lockWaitMs = 40_000;
/** An older lock was left behind by a process that has ended, in ms. */
const lockStaleMs = 35_000;

/** The file with the login of one server and account. Only its user may read it. */
export class CredentialFile {
  readonly #folder: string;
  readonly #path: string;

  /** @param server the server's URL. The file name omits its query, which may hold a secret. */
  constructor(folder: string, server: URL, account: string) {
    const named = createHash('sha256').update(JSON.stringify([server.origin, server.pathname, account]));
    const host = server.host.replace(/[^\w.-]/g, '_').slice(0, 100);
    this.#folder = folder;
    this.#path = join(folder, `${host}-${named.digest('hex').slice(0, 16)}.json`);
  }

  /** Takes the permissions of other users away. @returns one sentence for each path that was open to others */
  closeToOthers(): string[] {
    return [this.#folder, this.#path].flatMap((path) => closeToOthers(path) ?? []);
  }

  /** Reads the credentials. Returns empty ones when the file is missing or invalid. */
  async read(): Promise<Credentials> {
    try {
      return z.union([credentialsSchema, singleClientSchema]).parse(JSON.parse(await readFile(this.#path, 'utf8')));
    } catch {
      return { clients: [] };
    }
  }

  /** Replaces the credentials atomically. @throws when the file cannot be written. */
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
   * Runs `work` in one process at a time. Two processes that use a refresh token at once may end the login
   * (RFC 9700, 4.14.2). The wait is bounded: after it, `work` runs without the lock.
   */
  async locked<T>(work: () => Promise<T>): Promise<T> {
    await this.#makeFolder();
    const lock = `${this.#path}.lock`;
    const deadlineMs = performance.now() + lockWaitMs;
    while (!(await tryLock(lock)) && performance.now() < deadlineMs) await sleep(lockPollMs);
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

/** Tries to take the lock, and removes one that was left behind. @returns true when this process holds it. */
async function tryLock(lock: string): Promise<boolean> {
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
