export const logLevels = ['silent', 'error', 'warn', 'info', 'debug'] as const;
export const logFormats = ['auto', 'pretty', 'json'] as const;
export type LogFormat = (typeof logFormats)[number];
export type LogLevel = (typeof logLevels)[number];

const second = 1_000;
const minute = 60 * second;
const day = 24 * 60 * minute;

/**
 * The defaults of the options, with durations in ms. They are apart from the schema, which a server without a
 * configuration file does not load.
 */
export const defaults = Object.freeze({
  tenant: 'default',
  subject: 'local',
  lease: 10 * second,
  wait: 45 * second,
  maxRun: 10 * minute,
  recordRetention: 7 * day,
  unresolvedRetention: 30 * day,
  sealedOnly: false,
  resultBytesMax: 256 * 1_024,
  hostKeys: true,
  conversationScope: false,
  twinWindow: 10 * second,
  rewordedWindow: 15 * minute,
  logLevel: 'info' satisfies LogLevel as LogLevel,
  logFormat: 'auto' satisfies LogFormat as LogFormat,
  toolsDirs: Object.freeze<string[]>([]),
  bundledTools: true,
  drain: 30 * second,
  sandbox: true,
  tools: Object.freeze({}),
});
