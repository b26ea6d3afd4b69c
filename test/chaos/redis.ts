import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

import { endWithThis } from './server.ts';

/** A real redis-server that syncs each write to its disk. */
export class RedisProcess {
  readonly port: number;
  readonly #folder: string;
  #replicaOf: number | undefined;
  #child: ChildProcess | undefined;

  private constructor(port: number, folder: string, replicaOf: number | undefined) {
    this.port = port;
    this.#folder = folder;
    this.#replicaOf = replicaOf;
  }

  static async start(folder: string, replicaOf?: number): Promise<RedisProcess> {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address() as AddressInfo;
    probe.close();
    await once(probe, 'close');
    mkdirSync(`${folder}/redis-${port}`);
    const redis = new RedisProcess(port, `${folder}/redis-${port}`, replicaOf);
    await redis.begin();
    return redis;
  }

  /** Starts the server, also again after its end. */
  async begin(): Promise<void> {
    const args = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#folder, '--save', ''];
    args.push('--appendonly', 'yes', '--appendfsync', 'always', '--repl-diskless-sync-delay', '0');
    if (this.#replicaOf !== undefined) args.push('--replicaof', '127.0.0.1', String(this.#replicaOf));
    const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    endWithThis(child);
    let log = '';
    await new Promise<void>((resolve, reject) => {
      child.once('exit', () => reject(new Error(`redis-server ended: ${log}`)));
      child.stdout.on('data', (chunk: Buffer) => {
        log = (log + chunk.toString()).slice(-5_000);
        if (log.includes('Ready to accept connections')) resolve();
      });
    });
  }

  /** Makes a replica a primary, also for its next start. */
  async promote(): Promise<void> {
    this.#replicaOf = undefined;
    await this.command('REPLICAOF NO ONE');
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async end(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** Sends one inline command. @returns the first bytes of the reply */
  async command(text: string): Promise<string> {
    const socket = connect(this.port, '127.0.0.1');
    try {
      socket.write(`${text}\r\n`);
      const [reply] = (await once(socket, 'data')) as [Buffer];
      return reply.toString();
    } finally {
      socket.destroy();
    }
  }
}

/** A TCP proxy before Redis, with the faults of a network. */
export class FaultyNetwork {
  readonly port: number;
  #target: number;
  /** What happens to bytes: they pass, they wait, or the replies are lost with their connection. */
  #mode: 'open' | 'silent' | 'replies_lost' = 'open';
  readonly #server: Server;
  readonly #pairs: Set<readonly [Socket, Socket]>;

  private constructor(server: Server, pairs: Set<readonly [Socket, Socket]>, target: number) {
    this.#server = server;
    this.#pairs = pairs;
    this.#target = target;
    this.port = (server.address() as AddressInfo).port;
  }

  static async start(target: number): Promise<FaultyNetwork> {
    const pairs = new Set<readonly [Socket, Socket]>();
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const network = new FaultyNetwork(server, pairs, target);
    server.on('connection', (client) => network.#join(client));
    return network;
  }

  #join(client: Socket): void {
    const server = connect(this.#target, '127.0.0.1');
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    const end = (): void => {
      this.#pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const socket of pair) socket.on('error', end).on('close', end);
    client.on('data', (bytes) => {
      if (this.#mode !== 'silent') server.write(bytes);
    });
    server.on('data', (bytes) => {
      if (this.#mode === 'open') client.write(bytes);
      else if (this.#mode === 'replies_lost') end();
    });
  }

  /** Drops all bytes from now on. A connection that lost bytes breaks with `heal`. */
  silence(): void {
    this.#mode = 'silent';
  }

  /** Requests arrive, and their replies are lost. */
  loseReplies(): void {
    this.#mode = 'replies_lost';
  }

  heal(): void {
    const wasSilent = this.#mode === 'silent';
    this.#mode = 'open';
    if (wasSilent) this.breakConnections();
  }

  breakConnections(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
  }

  /** Leads to another server, as after a failover. */
  lead(target: number): void {
    this.#target = target;
    this.breakConnections();
  }

  async close(): Promise<void> {
    this.breakConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
