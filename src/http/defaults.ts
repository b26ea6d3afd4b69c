const second = 1_000;
const minute = 60 * second;

/** The defaults of the section `http`. Durations in ms. */
export const httpDefaults = Object.freeze({
  listen: '127.0.0.1:3000',
  allowedHosts: [] as string[],
  allowedOrigins: [] as string[],
  bodyBytesMax: 4 * 1_024 * 1_024,
  headerBytesMax: 16 * 1_024,
  headersTimeout: 10 * second,
  requestTimeout: 30 * second,
  connectionsMax: 20_000,
  sessionsMax: 10_000,
  sessionIdle: 30 * minute,
  inFlightMax: 256,
  eventsMax: 100,
  eventBytesMax: 256 * 1_024,
  eventBytesTotalMax: 64 * 1_024 * 1_024,
  subscriptionsMax: 1_024,
});

/** The default limits of calls, sessions and subscriptions in one process, and of records in the ledger. */
export const accessLimits = Object.freeze({
  callsPerSubjectMax: 64,
  callsPerTenantMax: 512,
  callsMax: 4_096,
  sessionsPerSubjectMax: 1_000,
  subscriptionsPerSubjectMax: 64,
  recordsPerSubjectMax: 100_000,
  recordsPerTenantMax: 1_000_000,
});

/** The defaults of the section `access`. */
export const accessDefaults = Object.freeze({ tokens: [], ...accessLimits });
