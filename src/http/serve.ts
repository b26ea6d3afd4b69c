import { type Cli, exitCodes, refuse, warner } from '../command/cli.ts';
import { Reloads, stopper, untilDrained, watchFaults } from '../command/lifetime.ts';
import { type App, type Program, type ServeOptions, serviceOf } from '../command/program.ts';
import { watchTools } from '../command/watch.ts';
import type { Config } from '../config/config.ts';
import { systemClock } from '../core/clock.ts';
import { describeError, isErrnoException } from '../core/errors.ts';
import { defined } from '../core/json.ts';
import { createLog, type Log } from '../core/observe/log.ts';
import { accessWarnings, addressOf, insecureWarning, refusedAddress, unencryptedAddress } from './access/check.ts';
import { createLimits } from './access/limits.ts';
import type { ResourceMetadata } from './access/metadata.ts';
import type { Admission, Admit } from './access/types.ts';
import type { HttpConfig } from './config.ts';
import type { HttpLimits } from './http-server.ts';
import { accessSection, httpSection, isOpen } from './sections.ts';

/** Serves the tools over HTTP until a signal comes, then drains. On SIGHUP it reloads them. Prints the URL when it listens. */
export async function serveHttp(program: Program, options: ServeOptions): Promise<number> {
  const reloads = new Reloads();
  const { cli } = program;
  const stop = stopper(cli.host, reloads.ask);
  const config = await program.config(options, 'network');
  const [http, access] = [httpSection.of(config), accessSection.of(config)];
  const log = createLog({
    level: config.logLevel,
    format: config.logFormat,
    ...defined({ destination: cli.host?.stderr }),
  });
  const faults = watchFaults(log, () => stop.now('a fault'), cli.host);
  const { host, port } = addressOf(typeof options.http === 'string' ? options.http : http.listen);
  const door = await doorOf(cli, config, log);
  const refused = options.insecure ? undefined : refusedAddress(access, host);
  if (refused !== undefined) refuse(refused);
  const { recordsPerSubjectMax, recordsPerTenantMax } = access;
  const recordLimits = { perSubject: recordsPerSubjectMax, perTenant: recordsPerTenantMax };
  const warn = warner(cli);
  const app = await program.app(config, { log, recordLimits, warn });
  const warnOfAccess = (): void => {
    for (const message of accessWarnings(access, app.catalog)) warn(message);
  };
  warnOfAccess();
  if (options.insecure && refusedAddress(access, host) !== undefined) warn(insecureWarning(host));
  for (const message of await ledgerWarnings(app)) warn(message);
  const unencrypted = unencryptedAddress(access, http, host);
  if (unencrypted !== undefined) warn(unencrypted);
  const { startHttpServer } = await import('./http-server.ts');
  const { allowedHosts, allowedOrigins } = http;
  const resource = access.oauth?.resource;
  const { callsPerSubjectMax, callsPerTenantMax, callsMax } = access;
  const { sessionsPerSubjectMax, subscriptionsPerSubjectMax } = access;
  const callLimits = { perSubject: callsPerSubjectMax, perTenant: callsPerTenantMax, total: callsMax };
  const server = await startHttpServer({
    service: serviceOf(app),
    clock: systemClock,
    host,
    port,
    limits: limitsOf(http),
    // Clients use the host name of the resource in the metadata.
    allowedHosts: resource === undefined ? allowedHosts : [...allowedHosts, new URL(resource).hostname],
    allowedOrigins,
    admit: door.admit,
    metadata: door.metadata,
    calls: createLimits(callLimits),
    callSlots: { executions: createLimits(callLimits), questions: createLimits(callLimits) },
    // Without authentication all callers are one subject, and limits per subject would protect nobody.
    ...(isOpen(access) ? {} : { sessionsPerSubjectMax, subscriptionsPerSubjectMax }),
    isReady: app.isReady,
  }).catch((error: unknown) => refuse(whyNotListening(host, port, error)));
  reloads.begin(() => program.reloadTools(options, { app, config, purpose: 'network', onReloaded: warnOfAccess }));
  const unwatch = options.watch ? watchTools(config, reloads.ask, warn) : () => {};
  cli.print(server.url);
  void stop.stopped.then(() => server.beginDrain());
  await untilDrained({ app, transport: server, stop, log, drainMs: config.drainMs, close: () => server.close() });
  unwatch();
  return faults.seen ? exitCodes.failure : exitCodes.ok;
}

/** Opens the ledger before the server listens. @throws McpOnceError if it cannot serve calls */
async function ledgerWarnings(app: App): Promise<readonly string[]> {
  try {
    return await app.checkLedger();
  } catch (error) {
    await app.close();
    throw error;
  }
}

interface Door {
  readonly admit: Admit;
  readonly metadata: ResourceMetadata | undefined;
}

/** Returns how callers are authenticated. Without tokens and issuers each request belongs to the configured subject. */
async function doorOf(cli: Cli, config: Config, log: Log): Promise<Door> {
  const { tenant, subject } = config;
  const access = accessSection.of(config);
  if (isOpen(access)) {
    const admitted: Admission = Object.freeze({ type: 'admitted', principal: Object.freeze({ tenant, subject }) });
    return { admit: async () => admitted, metadata: undefined };
  }
  const [{ accessSettings }, { createAdmit }, { resourceMetadata }] = await Promise.all([
    import('./access/config.ts'),
    import('./access/admit.ts'),
    import('./access/metadata.ts'),
  ]);
  const settings = accessSettings(access, cli.environment);
  // What a token needs later. Node does not load a module again that it could not load once.
  if (settings.oauth) await Promise.all([import('jose'), import('oauth4webapi')]);
  const admit = createAdmit(settings, { clock: systemClock, log });
  return { admit, metadata: settings.oauth && resourceMetadata(settings.oauth) };
}

function limitsOf(http: HttpConfig): HttpLimits {
  const { headersTimeout, requestTimeout, sessionIdle, ...same } = http;
  return { ...same, headersTimeoutMs: headersTimeout, requestTimeoutMs: requestTimeout, sessionIdleMs: sessionIdle };
}

function whyNotListening(host: string, port: number, error: unknown): string {
  const isTaken = isErrnoException(error) && error.code === 'EADDRINUSE';
  const why = isTaken ? 'another program listens there' : describeError(error);
  return `cannot listen on ${host}:${port}: ${why}. Choose another address with --http HOST:PORT; port 0 is a free one.`;
}
