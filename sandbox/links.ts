import { createHash } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import { shared } from '../src/core/promises.ts';
import { limits } from './limits.ts';

const host = '127.0.0.1';
/** The ports of links: below those that systems give to outgoing connections. */
const portMin = 20_000;
const portsCount = 10_000;
/** How many ports are tried when other programs use them. */
const triesMax = 8;
/** How long a program on a port may take to say whose links it serves, in ms. A busy machine needs seconds. */
const askMs = 10_000;
/** How often a process tries to serve the links of one that has ended, in ms. */
const takeOverMs = 2_000;

/** The path that says whose links a port serves. */
export const linksPath = '/_sandbox/links';

/** The address of the pages that a sandbox links to. */
export interface Links {
  /** Answers to `linksPath`: names the data file without its path. */
  readonly name: string;
  /** Returns the origin of the links. It is the same for a data file in every process and after every start. */
  origin(): Promise<string>;
  close(): Promise<void>;
}

/**
 * Serves the pages of a data file at an address that follows from its path, so that a link is valid after a restart. Of
 * several processes on one data file one serves the address, and another takes it over when that one ends.
 *
 * @param own the origin of this process, for a sandbox whose data is in memory
 */
export async function openLinks(dataFile: string, own: string, answer: RequestListener): Promise<Links> {
  const digest = createHash('sha256').update(dataFile).digest();
  const name = digest.toString('hex').slice(0, 16);
  if (dataFile === ':memory:') return { name, origin: async () => own, close: async () => {} };
  const portAt = (index: number): number => portMin + ((digest.readUInt32BE(0) + index) % portsCount);
  let port = portAt(0);
  let server = await serve(port, answer);
  const found = shared(async () => {
    for (let index = 0; server === undefined && index < triesMax; index += 1) {
      port = portAt(index);
      if ((await nameAt(port)) === name) return;
      server = await serve(port, answer);
    }
  });
  let taking: Promise<void> | undefined;
  const takingOver = setInterval(() => {
    taking ??= found.get().then(async () => {
      server ??= await serve(port, answer);
      taking = undefined;
    });
  }, takeOverMs);
  takingOver.unref();
  return {
    name,
    async origin() {
      await found.get();
      return `http://${host}:${port}`;
    },
    async close() {
      clearInterval(takingOver);
      await Promise.all([found.current(), taking]);
      const ended = new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
      server?.closeAllConnections();
      await ended;
    },
  };
}

/** Returns undefined where another program uses the port. */
function serve(port: number, answer: RequestListener): Promise<Server | undefined> {
  const server = createServer(answer);
  server.maxConnections = limits.connectionsMax;
  server.maxHeadersCount = 100;
  server.requestTimeout = 30_000;
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(port, host, () => resolve(server));
  });
}

async function nameAt(port: number): Promise<string | undefined> {
  try {
    const response = await fetch(`http://${host}:${port}${linksPath}`, { signal: AbortSignal.timeout(askMs) });
    const text = await response.text();
    return text.slice(0, 100);
  } catch {
    return undefined;
  }
}
