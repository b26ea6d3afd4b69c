import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const { resolve: find } = createRequire(import.meta.url);
const startsWithinMs = 180_000;

/** A third-party API server in its own process. */
export interface ApiServer {
  readonly url: string;
  /** Its output so far. */
  output(): string;
  stop(): Promise<void>;
}

/** `json-server`: REST over a JSON file. */
export function startJsonServer(folder: string, data: Readonly<Record<string, readonly object[]>>): Promise<ApiServer> {
  const file = join(folder, `rows-${Date.now()}.json`);
  writeFileSync(file, JSON.stringify(data));
  const program = join(dirname(find('json-server/package.json')), 'lib/cli/bin.js');
  return start((port) => [program, file, '--host', '127.0.0.1', '--port', `${port}`, '--quiet']);
}

/** The rows of an API. */
export async function rowsOf(api: ApiServer, collection: string): Promise<Record<string, unknown>[]> {
  const answer = await fetch(`${api.url}/${collection}`);
  return (await answer.json()) as Record<string, unknown>[];
}

/** Mockoon's CLI with one data bucket and the routes of a collection over it. */
export async function startMockoon(folder: string, name: string): Promise<ApiServer> {
  const file = join(folder, 'mockoon.json');
  const program = join(dirname(find('@mockoon/cli/package.json')), 'bin/run.js');
  return start((port) => {
    writeFileSync(file, JSON.stringify(mockoonEnvironment(name, port)));
    return [program, 'start', '--data', file, '--hostname', '127.0.0.1', '--repair', '--disable-log-to-file'];
  });
}

/** Prism: responds by an OpenAPI document, and refuses invalid requests with 422. */
export function startPrism(document: string): Promise<ApiServer> {
  const program = join(dirname(find('@stoplight/prism-cli/package.json')), 'dist/index.js');
  const options = ['--host', '127.0.0.1', '--errors', '--verboseLevel', 'error'];
  return start((port) => [program, 'mock', document, '--port', `${port}`, ...options]);
}

/** A proxy in front of another API that forwards requests and can drop or delay responses. */
export class FaultProxy {
  readonly url: string;
  readonly #server: Server;
  readonly #methods: string[] = [];
  readonly #violations: string[] = [];
  #drop = 0;
  #hold: Promise<void> | undefined;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(target: string): Promise<FaultProxy> {
    const server = createServer((incoming, outgoing) => void proxy.#forward(target, incoming, outgoing));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new FaultProxy(server);
    return proxy;
  }

  /** Lets the next writes take effect, and closes their connections without a response. */
  dropAnswers(count: number): void {
    this.#drop = count;
  }

  /** Lets writes take effect and delays their responses. @returns a function that sends the responses */
  holdAnswers(): () => void {
    let release = (): void => {};
    this.#hold = new Promise((resolve) => {
      release = resolve;
    });
    return () => {
      this.#hold = undefined;
      release();
    };
  }

  /** Returns the forwarded requests with one method. */
  sent(method: string): number {
    return this.#methods.filter((each) => each === method).length;
  }

  /** Returns the problems that Prism found in requests, from its header or its 422 response. */
  get violations(): readonly string[] {
    return this.#violations;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #forward(target: string, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/', headers } = incoming;
    const onward = request(new URL(url, target), { method, headers: { ...headers, connection: 'close' } });
    incoming.pipe(onward);
    const [answer] = (await once(onward, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk as Buffer);
    this.#methods.push(method);
    const found = JSON.parse(String(answer.headers['sl-violations'] ?? '[]')) as { location: string[] }[];
    // Violations in responses concern only Prism and the document.
    const ofRequest = found.filter(({ location }) => location[0] === 'request');
    if (ofRequest.length > 0 || answer.statusCode === 422) {
      this.#violations.push(`${method} ${url}: ${JSON.stringify(ofRequest)} ${Buffer.concat(chunks).toString()}`);
    }
    if (method !== 'GET') {
      await this.#hold;
      if (this.#drop > 0) {
        this.#drop -= 1;
        outgoing.destroy();
        return;
      }
    }
    outgoing.writeHead(answer.statusCode ?? 502, { 'content-type': answer.headers['content-type'] ?? 'text/plain' });
    outgoing.end(Buffer.concat(chunks));
  }
}

async function start(argumentsFor: (port: number) => string[]): Promise<ApiServer> {
  const port = await freePort();
  const child = spawn(process.execPath, argumentsFor(port), { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-100_000);
    });
  }
  const url = `http://127.0.0.1:${port}`;
  try {
    await answers(url, child);
  } catch (error) {
    await end(child);
    throw new Error(`${argumentsFor(port)[0]} did not start: ${output.slice(-2_000)}`, { cause: error });
  }
  return { url, output: () => output, stop: () => end(child) };
}

/** Resolves when a server responds at the URL. Polls, since these programs do not announce that they are ready. */
async function answers(url: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + startsWithinMs;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
    const asked = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
    if (asked) return;
    if (Date.now() > deadline) throw new Error('it did not answer in time');
    await delay(100);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function mockoonEnvironment(name: string, port: number): object {
  const bucket = { uuid: 'b0000000-0000-4000-8000-000000000001', id: 'rows', name, documentation: '', value: '[]' };
  const response = {
    uuid: 'b0000000-0000-4000-8000-000000000002',
    body: '{}',
    latency: 0,
    statusCode: 200,
    label: '',
    headers: [],
    bodyType: 'DATABUCKET',
    filePath: '',
    databucketID: 'rows',
    sendFileAsBody: false,
    rules: [],
    rulesOperator: 'OR',
    disableTemplating: false,
    fallbackTo404: false,
    default: true,
    crudKey: 'id',
    callbacks: [],
  };
  const route = {
    uuid: 'b0000000-0000-4000-8000-000000000003',
    type: 'crud',
    documentation: '',
    method: '',
    endpoint: name,
    responses: [response],
    responseMode: null,
  };
  return {
    uuid: 'b0000000-0000-4000-8000-000000000004',
    lastMigration: 33,
    name,
    endpointPrefix: '',
    latency: 0,
    port,
    hostname: '127.0.0.1',
    folders: [],
    routes: [route],
    rootChildren: [{ type: 'route', uuid: route.uuid }],
    proxyMode: false,
    proxyHost: '',
    proxyRemovePrefix: false,
    tlsOptions: {
      enabled: false,
      type: 'CERT',
      pfxPath: '',
      certPath: '',
      keyPath: '',
      caPath: '',
      passphrase: '',
    },
    cors: true,
    headers: [{ key: 'Content-Type', value: 'application/json' }],
    proxyReqHeaders: [],
    proxyResHeaders: [],
    data: [bucket],
    callbacks: [],
  };
}
