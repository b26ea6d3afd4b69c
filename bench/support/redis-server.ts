import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@keyv/redis';

export interface BenchRedis {
  readonly url: string;
  /** One sentence: which server this is. */
  readonly about: string;
  stop(): Promise<void>;
}

const startTimeoutMs = 20_000;

/**
 * A redis-server of this run's own on a free port of the loopback interface, or the one of `sharedUrl`.
 * Without append-only file and snapshots: both sides of every ratio write the same bytes, and what differs
 * between them is not the disk.
 */
export async function startRedis(sharedUrl: string | undefined): Promise<BenchRedis> {
  if (sharedUrl) return { url: sharedUrl, about: 'the server of REDIS_URL, as it is configured', stop: async () => {} };
  const folder = mkdtempSync(join(tmpdir(), 'mcp-once-bench-redis-'));
  const port = await freePort();
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'];
  const child = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'inherit'] });
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  // Whatever ends this process must not leave a server behind.
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
    about: 'a server of its own on the loopback interface, appendonly no, no snapshots',
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
    const ended = (): void => fail('ended at its start');
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

/** The client library that the ledger uses, on a connection of its own. */
export async function bareClient(url: string) {
  const client = createClient({ url });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

export type BareClient = Awaited<ReturnType<typeof bareClient>>;

/** Removes what a bench has put there: the server may be somebody's own. */
export async function removeKeys(client: BareClient, prefix: string): Promise<void> {
  let cursor = '0';
  do {
    const page = await client.sendCommand(['SCAN', cursor, 'MATCH', `${prefix}*`, 'COUNT', '5000']);
    const [next, keys] = page as unknown as [string, string[]];
    cursor = next;
    if (keys.length > 0) await client.sendCommand(['UNLINK', ...keys]);
  } while (cursor !== '0');
}
