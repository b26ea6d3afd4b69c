import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createClient } from '@keyv/redis';
import { expect } from 'vitest';
import { eventMsMax, eventually } from './event.ts';
import { makeTemporaryFolder } from './temporary.ts';

export interface RedisOptions {
  /** Starts a separate server to kill, restart or suspend, even if REDIS_URL names a shared one. */
  readonly own?: boolean;
  readonly appendonly?: boolean;
  readonly requirepass?: string;
  /** The memory limit, in bytes. The eviction policy is noeviction by default. */
  readonly maxmemory?: number;
  readonly maxmemoryPolicy?: string;
  readonly replicaof?: TestRedis;
  /** Further lines of redis.conf. */
  readonly config?: Readonly<Record<string, string>>;
}

export interface TestRedis {
  readonly url: string;
  readonly port: number;
  /** Sends one command on a separate connection, as an operator's program does. */
  command(...args: string[]): Promise<unknown>;
  /** Sends SIGKILL. Resolves when the process has ended. */
  kill(): Promise<void>;
  /** Starts the killed server again, on the same port and with the same folder. */
  restart(): Promise<void>;
  /** Sends SIGSTOP. Resolves when the process is stopped. */
  suspend(): Promise<void>;
  resume(): void;
  /** Ends the server and removes its folder. */
  stop(): Promise<void>;
}

/** Whether a redis-server can be started. If only REDIS_URL is available, tests that need their own server are skipped. */
export const hasRedisServer = (() => {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    process.stderr.write('No redis-server on PATH: the tests that kill, suspend or fill a server are skipped.\n');
    return false;
  }
})();

const startAttemptsMax = 5;

/** A real redis-server on a free port of the loopback interface, in a temporary folder. */
export async function startRedis(options: RedisOptions = {}): Promise<TestRedis> {
  const shared = process.env.REDIS_URL;
  if (shared && Object.keys(options).length === 0) return sharedRedis(shared);
  const folder = makeTemporaryFolder();
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const args = serverArguments(options, port, folder.path);
    try {
      return ownRedis(await spawnRedis(args), args, port, options.requirepass, folder.remove);
    } catch (error) {
      // Another process may have taken the port meanwhile.
      if (attempt < startAttemptsMax) continue;
      folder.remove();
      throw error;
    }
  }
}

function serverArguments(options: RedisOptions, port: number, folder: string): string[] {
  const config: Record<string, string> = {
    port: String(port),
    bind: '127.0.0.1',
    dir: folder,
    save: '',
    appendonly: options.appendonly ? 'yes' : 'no',
    'repl-diskless-sync-delay': '0',
    ...(options.requirepass ? { requirepass: options.requirepass } : {}),
    ...(options.maxmemory
      ? { maxmemory: String(options.maxmemory), 'maxmemory-policy': options.maxmemoryPolicy ?? 'noeviction' }
      : {}),
    ...options.config,
  };
  const args = Object.entries(config).flatMap(([name, value]) => [`--${name}`, value]);
  if (options.replicaof) args.push('--replicaof', '127.0.0.1', String(options.replicaof.port));
  return args;
}

async function spawnRedis(args: string[]): Promise<ChildProcess> {
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise<void>((resolve, reject) => {
    let log = '';
    const timer = setTimeout(() => fail('took too long'), eventMsMax);
    const fail = (why: string) => {
      child.kill('SIGKILL');
      reject(new Error(`redis-server ${why}: ${log}`));
    };
    child.once('error', (error) => fail(error.message));
    child.once('exit', () => fail('ended at its start'));
    child.stdout?.on('data', (chunk: Buffer) => {
      log += chunk.toString();
      if (!log.includes('Ready to accept connections')) return;
      clearTimeout(timer);
      child.removeAllListeners('exit');
      child.stdout?.removeAllListeners('data').resume();
      resolve();
    });
  });
  return child;
}

function ownRedis(
  started: ChildProcess,
  args: string[],
  port: number,
  password: string | undefined,
  removeFolder: () => void,
): TestRedis {
  let child = started;
  const url = `redis://${password ? `:${encodeURIComponent(password)}@` : ''}127.0.0.1:${port}`;
  const end = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    // SIGKILL also ends a stopped process.
    child.kill('SIGKILL');
    await ended;
  };
  return {
    url,
    port,
    command: (...command) => oneCommand(url, command),
    kill: end,
    async restart() {
      await end();
      child = await spawnRedis(args);
    },
    suspend: () => suspended(child),
    resume: () => void child.kill('SIGCONT'),
    async stop() {
      await end();
      removeFolder();
    },
  };
}

/** Waits until a signal has taken effect. */
async function suspended(child: ChildProcess): Promise<void> {
  child.kill('SIGSTOP');
  const stateOf = () => execFileSync('ps', ['-o', 'stat=', '-p', String(child.pid)], { encoding: 'utf8' });
  await eventually(() => expect(stateOf()).toMatch(/^T/));
}

function sharedRedis(url: string): TestRedis {
  const notOurs = (): never => {
    throw new Error('This redis-server is shared (REDIS_URL): start one with { own: true }');
  };
  return {
    url,
    port: Number(new URL(url).port || 6379),
    command: (...command) => oneCommand(url, command),
    kill: notOurs,
    restart: notOurs,
    suspend: notOurs,
    resume: notOurs,
    stop: async () => undefined,
  };
}

async function oneCommand(url: string, command: string[]): Promise<unknown> {
  const client = createClient({ url, socket: { reconnectStrategy: false } });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await client.sendCommand(command);
  } finally {
    client.destroy();
  }
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
