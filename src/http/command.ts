import { createApp } from '../app.ts';
import { type Cli, configOf, exitCodes, refuse, type ServeOptions, warner } from '../cli/cli.ts';
import { stopper, untilDrained, watchFaults } from '../cli/lifetime.ts';
import { Reloads, readToolsAgain } from '../cli/reload.ts';
import { openClientVariables, tellOfSandbox } from '../cli/sandbox.ts';
import { serviceOf } from '../cli/service.ts';
import type { Config } from '../config/config.ts';
import { systemClock } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import { createLog, type Log } from '../core/observe/log.ts';
import { accessWarnings, addressOf, isOpenDoor, refusedAddress } from './access/check.ts';
import { createLimits } from './access/limits.ts';
import type { ResourceMetadata } from './access/metadata.ts';
import type { Admission, Admit } from './access/types.ts';
import type { HttpLimits } from './http-server.ts';

/** Serves the tools over HTTP until a signal comes; then drains. SIGHUP has them read again. Prints the URL when it listens. */
export async function runServeHttp(cli: Cli, options: ServeOptions): Promise<number> {
  const reloads = new Reloads();
  const stop = stopper(reloads.ask);
  const config = await configOf(cli, options, 'http');
  const log = createLog({ level: config.logLevel });
  const faults = watchFaults(log, () => stop.now('a fault'));
  const { host, port } = addressOf(typeof options.http === 'string' ? options.http : config.http.listen);
  const door = await doorOf(cli, config, log);
  const refused = options.insecure ? undefined : refusedAddress(config, host);
  if (refused !== undefined) refuse(refused);
  const { recordsPerSubjectMax, recordsPerTenantMax } = config.access;
  const recordLimits = { perSubject: recordsPerSubjectMax, perTenant: recordsPerTenantMax };
  const warn = warner(cli);
  const variables = await openClientVariables(cli.environment, config, log);
  const { environment, note } = variables;
  const app = await createApp(config, { environment, note, log, recordLimits, warn });
  const tellOfAccess = (): void => {
    for (const message of accessWarnings(config, app.catalog)) warn(message);
  };
  tellOfAccess();
  tellOfSandbox(cli, app);
  const { startHttpServer } = await import('./http-server.ts');
  const { allowedHosts, allowedOrigins } = config.http;
  const resource = config.access.oauth?.resource;
  const { callsPerSubjectMax, callsPerTenantMax, callsMax } = config.access;
  const { sessionsPerSubjectMax, subscriptionsPerSubjectMax } = config.access;
  const callLimits = { perSubject: callsPerSubjectMax, perTenant: callsPerTenantMax, total: callsMax };
  const server = await startHttpServer({
    service: serviceOf(app),
    clock: systemClock,
    host,
    port,
    limits: limitsOf(config),
    // Clients know this server by the name in its metadata.
    allowedHosts: resource === undefined ? allowedHosts : [...allowedHosts, new URL(resource).hostname],
    allowedOrigins,
    admit: door.admit,
    metadata: door.metadata,
    calls: createLimits(callLimits),
    held: { executions: createLimits(callLimits), questions: createLimits(callLimits) },
    // Where everybody is one subject, nobody has to be kept from another's share.
    ...(isOpenDoor(config) ? {} : { sessionsPerSubjectMax, subscriptionsPerSubjectMax }),
    isReady: app.isReady,
  }).catch((error: unknown) => refuse(`cannot listen on ${host}:${port}: ${describeError(error)}`));
  reloads.begin(() => readToolsAgain(cli, options, { app, config, log, purpose: 'http', onRead: tellOfAccess }));
  cli.print(server.url);
  void stop.stopped.then(() => server.beginDrain());
  const close = async (): Promise<void> => void (await Promise.all([server.close(), variables.close()]));
  await untilDrained({ app, transport: server, stop, log, drainMs: config.drainMs, close });
  return faults.seen ? exitCodes.failure : exitCodes.ok;
}

interface Door {
  readonly admit: Admit;
  readonly metadata: ResourceMetadata | undefined;
}

/** Who comes in. Without tokens and issuers every request is that of the configuration's subject. */
async function doorOf(cli: Cli, config: Config, log: Log): Promise<Door> {
  const { tenant, subject, access } = config;
  if (isOpenDoor(config)) {
    const admitted: Admission = Object.freeze({ type: 'admitted', principal: Object.freeze({ tenant, subject }) });
    return { admit: async () => admitted, metadata: undefined };
  }
  const [{ accessSettings }, { createAdmit }, { resourceMetadata }] = await Promise.all([
    import('./access/config.ts'),
    import('./access/admit.ts'),
    import('./access/metadata.ts'),
  ]);
  const settings = accessSettings(access, cli.environment);
  const admit = createAdmit(settings, { clock: systemClock, log });
  return { admit, metadata: settings.oauth && resourceMetadata(settings.oauth) };
}

function limitsOf({ http }: Config): HttpLimits {
  const { headersTimeout, requestTimeout, sessionIdle, ...same } = http;
  return { ...same, headersTimeoutMs: headersTimeout, requestTimeoutMs: requestTimeout, sessionIdleMs: sessionIdle };
}
