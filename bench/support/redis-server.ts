import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@keyv/redis';

export interface BenchRedis {
  readonly url: string;
  /** Describes the server in one sentence. */
  readonly about: string;
  stop(): Promise<void>;
}

const startTimeoutMs = 20_000;

/**
 * Starts a redis-server for this run on a free loopback port, or uses `sharedUrl`. It has no append-only file and no
 * snapshots: both sides of every ratio write the same bytes, so the disk does not make the difference.
 */
export async function startRedis(sharedUrl: string | undefined): Promise<BenchRedis> {
  if (sharedUrl)
    return { url: sharedUrl, about: 'the server of REDIS_URL, with its configuration', stop: async () => {} };
  const folder = mkdtempSync(join(tmpdir(), 'mcp-once-bench-redis-'));
  const port = await freePort();
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'];
  const child = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'inherit'] });
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  // The server must not outlive this process.
  const kill = (): void => {
    child.kill('SIGKILL');
    remove();
  };
  process.once('exit', kill);
  try {
    await ready(child);
  } catch (error) {
    kill();
    throw error;
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    about: 'a dedicated server on the loopback interface, appendonly no, no snapshots',
    stop: async () => {
      process.off('exit', kill);
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
      remove();
    },
  };
}

function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = '';
    const fail = (why: string): void => {
      clearTimeout(timer);
      reject(new Error(`redis-server ${why} (install it, or set REDIS_URL): ${log}`));
    };
    const timer = setTimeout(() => fail('took too long to start'), startTimeoutMs);
    const ended = (): void => fail('exited during startup');
    child.once('error', (error) => fail(error.message));
    child.once('exit', ended);
    child.stdout?.on('data', (chunk: Buffer) => {
      log += chunk.toString();
      if (!log.includes('Ready to accept connections')) return;
      clearTimeout(timer);
      child.off('exit', ended);
      child.stdout?.removeAllListeners('data').resume();
      resolve();
    });
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Opens a separate connection with the client library that the ledger uses. */
export async function bareClient(url: string) {
  const client = createClient({ url });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

export type BareClient = Awaited<ReturnType<typeof bareClient>>;

/** Removes the bench's keys, since the server may be shared. */
export async function removeKeys(client: BareClient, prefix: string): Promise<void> {
  let cursor = '0';
  do {
    const page = await client.sendCommand(['SCAN', cursor, 'MATCH', `${prefix}*`, 'COUNT', '5000']);
    const [next, keys] = page as unknown as [string, string[]];
    cursor = next;
    if (keys.length > 0) await client.sendCommand(['UNLINK', ...keys]);
  } while (cursor !== '0');
}
