import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SqliteConnection } from '../../src/core/ledger/stores/sqlite-driver.ts';
import type { Random } from './random.ts';
import { FaultyNetwork, RedisProcess } from './redis.ts';
import { ServerProcess, type Via } from './server.ts';
import { EffectUpstream } from './upstream.ts';

export type StoreKind = 'sqlite' | 'redis';

export interface StageSettings {
  readonly kind: StoreKind;
  readonly program: string;
  readonly random: Random;
  /** Environment and configuration of the servers, for controls. */
  readonly env?: Readonly<Record<string, string>>;
  readonly config?: Readonly<Record<string, unknown>>;
  /**
   * What happens. With `store`, no server ends, so every outcome can be known that the upstream tells. With `servers`, the
   * store is well.
   * @defaultValue all
   */
  readonly happens?: 'all' | 'store' | 'servers';
  /** @defaultValue http */
  readonly via?: Via;
  /**
   * By how much the clock of each server is ahead of the one before it, in ms.
   * @defaultValue 0
   */
  readonly skewMs?: number;
  /** False for the control in which each server has a ledger of its own. */
  readonly isShared?: boolean;
}

interface RedisParts {
  primary: RedisProcess;
  replica: RedisProcess | undefined;
  readonly network: FaultyNetwork;
}

const serverCount = 3;
const startsMax = 40;
const minuteMs = 60_000;

const config = {
  subject: 'chaos',
  lease: '1s',
  wait: '4s',
  maxRun: '3s',
  drain: '1s',
  tools: { 'order_*': { window: '30m' } },
};

/** Servers, their store and their upstream, and everything that can happen to them. */
export class ChaosStage {
  readonly upstream: EffectUpstream;
  readonly servers: ServerProcess[] = [];
  /** What happened, and how often. */
  readonly happened = new Map<string, number>();
  /** Whether something happened after which a process may not know what it did. */
  hasKilled = false;
  readonly #settings: StageSettings;
  readonly #disturbed = new Set<string>();
  readonly #folder: string;
  readonly #redis: RedisParts | undefined;

  private constructor(
    settings: StageSettings,
    folder: string,
    upstream: EffectUpstream,
    redis: RedisParts | undefined,
  ) {
    this.#settings = settings;
    this.#folder = folder;
    this.upstream = upstream;
    this.#redis = redis;
  }

  static async open(settings: StageSettings): Promise<ChaosStage> {
    const folder = mkdtempSync(join(tmpdir(), 'mcp-once-chaos-'));
    const upstream = await EffectUpstream.start();
    let redis: RedisParts | undefined;
    if (settings.kind === 'redis') {
      const primary = await RedisProcess.start(folder);
      const replica = await RedisProcess.start(folder, primary.port);
      redis = { primary, replica, network: await FaultyNetwork.start(primary.port) };
    }
    const stage = new ChaosStage(settings, folder, upstream, redis);
    await Promise.all(Array.from({ length: serverCount }, (_, index) => stage.#startServer(index)));
    // Opens the ledgers, since a file that does not exist cannot be moved.
    await Promise.all(stage.servers.map((server) => server.call('order_once', { item: 'opened' })));
    return stage;
  }

  #store(index: number): string {
    const { isShared = true } = this.#settings;
    if (this.#redis) return `redis://127.0.0.1:${this.#redis.network.port}/${isShared ? 0 : index}?waitReplicas=1`;
    return `sqlite:${this.#ledgerFile(index)}`;
  }

  #ledgerFile(index: number): string {
    return `${this.#folder}/ledger${this.#settings.isShared === false ? index : ''}.sqlite`;
  }

  async #startServer(index: number, aheadMs = index * (this.#settings.skewMs ?? 0)): Promise<void> {
    const { program, env = {}, via = 'http' } = this.#settings;
    const settings = {
      program,
      folder: this.#folder,
      name: `server-${index}`,
      store: this.#store(index),
      upstream: this.upstream.url,
      config: { ...config, ...this.#settings.config },
      aheadMs,
      env,
      via,
    };
    // A server does not start without its store, and is started again, as by a supervisor.
    for (let tries = 1; ; tries += 1) {
      try {
        this.servers[index] = await ServerProcess.start(settings);
        return;
      } catch (error) {
        if (tries === startsMax) throw error;
        await pause(500);
      }
    }
  }

  get via(): Via {
    return this.#settings.via ?? 'http';
  }

  /** A server to call. Any of them, since all share one ledger. */
  get anyServer(): ServerProcess {
    const index = this.#settings.random.between(0, serverCount - 1);
    const server = this.servers[index];
    if (!server) throw new Error('no server');
    return server;
  }

  /** Lets one thing happen, and undoes it where it has to be undone. */
  async disturb(): Promise<void> {
    await this.#supervise();
    const { random, kind, happens = 'all', via } = this.#settings;
    const ofServers = via === 'wrap' ? [...serverDisturbances, 'wrapped server killed'] : serverDisturbances;
    const common: readonly string[] = happens === 'store' ? ['clock'] : ofServers;
    const ofStore = kind === 'redis' ? redisDisturbances : sqliteDisturbances;
    const what = random.of([...common, ...(happens === 'servers' ? [] : ofStore)] as [string, ...string[]]);
    const index = random.between(0, serverCount - 1);
    // One thing at a time happens to a server, and to the store.
    const place = common.includes(what) ? `server ${index}` : 'store';
    if (this.#disturbed.has(place) || this.#disturbed.has('all')) return;
    // A server that starts while the file is away opens a new one.
    if (what === 'file moved away' && this.#disturbed.size > 0) return;
    if (what === 'file moved away') this.#disturbed.add('all');
    this.#disturbed.add(place);
    this.happened.set(what, (this.happened.get(what) ?? 0) + 1);
    try {
      await this.#run(what, index);
    } finally {
      if (what === 'file moved away') this.#disturbed.delete('all');
      this.#disturbed.delete(place);
    }
  }

  async #run(what: string, index: number): Promise<void> {
    const { random } = this.#settings;
    const server = this.servers[index];
    if (!server) return;
    switch (what) {
      case 'kill':
        this.hasKilled = true;
        await server.end();
        return this.#startServer(index, random.between(-120, 120) * minuteMs);
      case 'terminate':
        this.hasKilled = true;
        await server.end('SIGTERM');
        return this.#startServer(index, random.between(-120, 120) * minuteMs);
      case 'stop':
        this.hasKilled = true;
        server.signal('SIGSTOP');
        await pause(random.between(200, 3_000));
        return server.signal('SIGCONT');
      case 'wrapped server killed':
        this.hasKilled = true;
        return server.killWrapped();
      case 'clock':
        return server.setAhead(random.of([-7_200_000, -150_000, 0, 150_000, 3_600_000, 7_200_000]));
      default:
        return this.#redis ? this.#disturbRedis(what) : this.#disturbSqlite(what, server);
    }
  }

  async #disturbRedis(what: string): Promise<void> {
    if (!this.#redis) return;
    const { random } = this.#settings;
    const { primary, network } = this.#redis;
    const waitMs = random.between(200, 2_500);
    switch (what) {
      case 'redis killed':
        await primary.end();
        await pause(waitMs);
        return primary.begin();
      case 'redis paused':
        await primary.command(`CLIENT PAUSE ${waitMs} ALL`);
        return pause(waitMs);
      case 'redis suspended':
        primary.signal('SIGSTOP');
        await pause(waitMs);
        return primary.signal('SIGCONT');
      case 'network silent':
        network.silence();
        await pause(waitMs);
        return network.heal();
      case 'replies lost':
        network.loseReplies();
        await pause(waitMs);
        return network.heal();
      case 'connections broken':
        return network.breakConnections();
    }
  }

  /** Promotes the replica and ends the primary. Claims are on both; the outcomes may be on the primary only. */
  async failover(): Promise<void> {
    if (!this.#redis?.replica) return;
    // Nothing else happens to the store meanwhile.
    this.#disturbed.add('all');
    while (this.#disturbed.has('store')) await pause(50);
    const { primary, replica, network } = this.#redis;
    this.hasKilled = true;
    this.happened.set('failover', 1);
    await primary.end();
    await replica.promote();
    const next = await RedisProcess.start(this.#folder, replica.port);
    network.lead(replica.port);
    Object.assign(this.#redis, { primary: replica, replica: next });
    this.#disturbed.delete('all');
  }

  async #disturbSqlite(what: string, server: ServerProcess): Promise<void> {
    const { random } = this.#settings;
    const file = this.#ledgerFile(0);
    const waitMs = random.between(200, 2_500);
    switch (what) {
      case 'file locked': {
        const other = new SqliteConnection(file, { lockTimeoutMs: 1_000 });
        try {
          other.exec('BEGIN IMMEDIATE');
          await pause(waitMs);
          other.exec('ROLLBACK');
        } catch {
          // The servers hold the lock.
        } finally {
          other.close();
        }
        return;
      }
      case 'file moved away':
        renameSync(file, `${file}.away`);
        await pause(waitMs);
        // Nobody opens a new file meanwhile, since no server starts.
        return renameSync(`${file}.away`, file);
      case 'disk full': {
        const log = `${file}-wal`;
        const bytes = existsSync(log) ? statSync(log).size : 0;
        limitFiles(server, String(Math.max(bytes, statSync(file).size)));
        await pause(waitMs);
        return limitFiles(server, 'unlimited');
      }
    }
  }

  /** Starts servers again that ended by themselves: a guard ends when the server behind it is killed while it starts. */
  async #supervise(): Promise<void> {
    const ended = [...this.servers.entries()].filter(([, { isAlive }]) => !isAlive);
    for (const [index] of ended) {
      const place = `server ${index}`;
      if (this.#disturbed.has(place) || this.#disturbed.has('all')) continue;
      this.hasKilled = true;
      this.#disturbed.add(place);
      await this.#startServer(index).finally(() => this.#disturbed.delete(place));
    }
  }

  /** Ends all faults, and makes sure that every server answers. */
  async heal(): Promise<void> {
    this.#redis?.network.heal();
    await this.#supervise();
    const { skewMs = 0 } = this.#settings;
    for (const [index, server] of this.servers.entries()) await server.setAhead(index * skewMs);
  }

  async close(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.end()));
    if (this.#redis) {
      await this.#redis.network.close();
      await Promise.all([this.#redis.primary.end(), this.#redis.replica?.end()]);
    }
    await this.upstream.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const serverDisturbances: readonly string[] = ['kill', 'stop', 'terminate', 'clock'];
const redisDisturbances = [
  'redis killed',
  'redis paused',
  'redis suspended',
  'network silent',
  'replies lost',
  'connections broken',
] as const;
// `prlimit` belongs to Linux.
const full = process.platform === 'linux' ? ['disk full'] : [];
const sqliteDisturbances = ['file locked', 'file moved away', ...full];

/** A write beyond the limit fails as on a full disk. */
function limitFiles({ pid, isAlive }: ServerProcess, bytes: string): void {
  if (!isAlive) return;
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`], { stdio: 'ignore' });
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
