import type { Admission, Admit } from '../access/types.ts';
import { createApp } from '../app.ts';
import { systemClock } from '../clock.ts';
import type { Config } from '../config.ts';
import { describeError } from '../errors.ts';
import { isLoopbackName } from '../mcp/http/host-origin.ts';
import type { HttpLimits } from '../mcp/http/http-server.ts';
import { createLog } from '../observe/log.ts';
import { type Cli, configOf, exitCodes, packageVersion, refuse, UsageError, warner } from './cli.ts';
import { stopper, untilDrained, watchFaults } from './lifetime.ts';
import type { ServeOptions } from './serve.ts';

/** Serves the tools over HTTP until a signal comes; then drains. Prints the URL when it listens. */
export async function runServeHttp(cli: Cli, options: ServeOptions): Promise<number> {
  const stop = stopper();
  const config = await configOf(cli, options);
  const log = createLog({ level: config.logLevel });
  const faults = watchFaults(log, () => stop.now('a fault'));
  const { host, port } = addressOf(typeof options.http === 'string' ? options.http : config.http.listen);
  const admit = admission(config);
  if (!isLoopbackName(host) && !options.insecure) {
    refuse(
      `other machines reach ${host}, and everybody who does could call the tools: listen on 127.0.0.1, or add --insecure where something in front lets only the right ones in`,
    );
  }
  const app = await createApp(config, { environment: cli.environment, log, warn: warner(cli) });
  if (app.usesSandbox) {
    cli.tell('mcp-once: no STRIPE_SECRET_KEY is set: the built-in sandbox is used, and nothing real is billed.');
  }
  const { startHttpServer } = await import('../mcp/http/http-server.ts');
  const { catalog, handle, instructions, isReady } = app;
  const { allowedHosts, allowedOrigins } = config.http;
  const service = {
    name: 'mcp-once',
    title: 'mcp-once',
    version: packageVersion(),
    catalog,
    handle,
    instructions,
    log,
  };
  const server = await startHttpServer({
    service,
    clock: systemClock,
    host,
    port,
    limits: limitsOf(config),
    allowedHosts,
    allowedOrigins,
    admit,
    isReady,
  }).catch((error: unknown) => refuse(`cannot listen on ${host}:${port}: ${describeError(error)}`));
  cli.print(server.url);
  void stop.stopped.then(() => server.beginDrain());
  await untilDrained({ app, transport: server, stop, log, drainMs: config.drainMs, close: () => server.close() });
  return faults.seen ? exitCodes.failure : exitCodes.ok;
}

/** Without authentication every request is that of the configuration's subject. */
function admission({ tenant, subject }: Config): Admit {
  const admitted: Admission = Object.freeze({ type: 'admitted', principal: Object.freeze({ tenant, subject }) });
  return async () => admitted;
}

function limitsOf({ http }: Config): HttpLimits {
  const { headersTimeout, requestTimeout, sessionIdle, ...same } = http;
  return { ...same, headersTimeoutMs: headersTimeout, requestTimeoutMs: requestTimeout, sessionIdleMs: sessionIdle };
}

/** @throws UsageError for what is no address */
function addressOf(listen: string): { readonly host: string; readonly port: number } {
  const [, host = '127.0.0.1', digits = ''] = /^(?:(\[[^\]]+\]|[^:]+):)?(\d{1,5})$/.exec(listen) ?? [];
  const port = digits === '' ? Number.NaN : Number(digits);
  if (!(port <= 65_535)) throw new UsageError('--http takes HOST:PORT, such as 127.0.0.1:3000, or a port');
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port };
}
