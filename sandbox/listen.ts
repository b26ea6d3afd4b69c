import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describeError, McpOnceError } from '../src/core/errors.ts';
import { shared } from '../src/core/promises.ts';
import { limits } from './limits.ts';
import { linksPath, openLinks } from './links.ts';
import type { LazySandboxOptions, Sandbox, SandboxOptions } from './options.ts';

const host = '127.0.0.1';

/** See `startSandbox`. */
export async function listenNow(options: SandboxOptions): Promise<Sandbox> {
  const { checkOptions } = await import('./server.ts');
  checkOptions(options);
  const { port = 0, ...others } = options;
  const { sandbox, open } = await listenFor(port, others);
  try {
    await open();
    return sandbox;
  } catch (error) {
    await sandbox.close();
    throw error;
  }
}

/** See `startSandboxOnDemand`. */
export async function listenOnDemand(options: LazySandboxOptions): Promise<Sandbox> {
  const { sandbox } = await listenFor(0, options);
  return sandbox;
}

/** Listens and answers requests. The first request, or `open`, opens the API. */
async function listenFor(wantedPort: number, options: Omit<SandboxOptions, 'port'> & LazySandboxOptions) {
  const server = createServer();
  const port = await listen(server, wantedPort);
  const url = `http://${host}:${port}`;
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    // Without opening the API: another process asks this when it starts.
    if (request.url === linksPath) {
      response.end(links.name);
      return;
    }
    api.get().then(
      ({ serve }) => serve(request, response),
      (error: unknown) => {
        options.log?.(`error: ${describeError(error)}`);
        const body = { error: { type: 'invalid_request_error', message: describeError(error) } };
        // A status that means "not executed", which a 5xx does not.
        response.writeHead(403, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      },
    );
  };
  const links = await openLinks(options.dataFile, url, answer);
  const api = shared(async () => {
    const { openSandbox } = await import('./server.ts');
    const opened = await openSandbox(options, await links.origin());
    options.onOpen?.(url);
    return opened;
  });
  server.on('request', answer);
  const closed = shared(async () => {
    const ended = new Promise<void>((resolve) => server.close(() => resolve()));
    const opened = await api.current()?.catch(() => undefined);
    opened?.cutOff();
    // A client that is still sending a body is cut off. Executing requests end in a moment.
    server.closeAllConnections();
    await links.close();
    await opened?.close();
    await ended;
  });
  return { sandbox: { url, port, close: closed.get } satisfies Sandbox, open: api.get };
}

/** @throws McpOnceError `upstream_unavailable` */
function listen(server: Server, port: number): Promise<number> {
  server.maxConnections = limits.connectionsMax;
  server.maxHeadersCount = 100;
  server.requestTimeout = 30_000;
  // Longer than clients keep an idle connection: closing one that a client is about to use looks like a lost answer.
  server.keepAliveTimeout = 120_000;
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const message = `The sandbox cannot listen on port ${port}: ${describeError(error)}. Give another port, or 0 for a free one.`;
      reject(new McpOnceError('upstream_unavailable', message, { cause: error }));
    });
    server.listen(port, host, () => {
      server.removeAllListeners('error');
      resolve((server.address() as AddressInfo).port);
    });
  });
}
