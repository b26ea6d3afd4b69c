import type { FileAccess } from '../http/access/config.ts';
import { accessLimits } from '../http/defaults.ts';
import type { OpenApiSettings } from '../openapi/config.ts';
import type { McpServerSettings, WrapSettings } from '../wrap/config.ts';

export const logLevels = ['silent', 'error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof logLevels)[number];

const second = 1_000;
const minute = 60 * second;
const day = 24 * 60 * minute;

/**
 * What is in effect where nothing is configured; durations in ms. Apart from the schema, which a
 * server without a configuration file does not have to load at its start.
 */
export const defaults = Object.freeze({
  tenant: 'default',
  subject: 'local',
  leaseMs: 10 * second,
  waitMs: 45 * second,
  maxRunMs: 10 * minute,
  recordRetention: 7 * day,
  unresolvedRetention: 30 * day,
  resultBytesMax: 256 * 1_024,
  hostKeys: true,
  conversationScope: false,
  logLevel: 'info' satisfies LogLevel as LogLevel,
  toolsDirs: Object.freeze<string[]>([]),
  bundledTools: true,
  drainMs: 30 * second,
  access: Object.freeze<FileAccess>({ tokens: [], ...accessLimits }),
  sandbox: true,
  http: Object.freeze({
    listen: '127.0.0.1:3000',
    allowedHosts: Object.freeze<string[]>([]),
    allowedOrigins: Object.freeze<string[]>([]),
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
  }),
  openapi: Object.freeze<OpenApiSettings[]>([]),
  mcpServers: Object.freeze<Record<string, McpServerSettings>>({}),
  wrap: Object.freeze<WrapSettings>({ tools: Object.freeze({}) }),
  tools: Object.freeze({}),
});
