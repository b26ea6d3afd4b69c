import { z } from 'zod';
import { duration } from '../core/duration.ts';
import { httpDefaults } from './defaults.ts';

const second = 1_000;
const hour = 3_600 * second;
const kibibyte = 1_024;
const initial = httpDefaults;

/** `HOST:PORT`, a port, or `[IPv6]:PORT`. */
const listenPattern = /^(?:(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):)?\d{1,5}$/;

const count = (max: number) => z.int().min(1).max(max);

/** A host name, or an address, one of IPv6 in brackets. */
const hostPattern = /^(\[[0-9a-fA-F:.]+\]|[^\s/:@[\]]+)$/;

/** As browsers write it (Fetch standard, `Origin`). */
const originPattern = /^[a-z][a-z0-9+.-]*:\/\/[^/?#@\sA-Z]+$/;

/** How the tools are served over HTTP (`serve --http`). */
export const httpSchema = z
  .strictObject({
    listen: z
      .string()
      .max(300)
      .regex(listenPattern, 'must be HOST:PORT, such as 127.0.0.1:3000 or [::1]:3000, or a port')
      .prefault(initial.listen)
      .describe(
        'Where to listen: HOST:PORT, or a port on 127.0.0.1; port 0 for a free one. Default 127.0.0.1:3000. An address that other machines reach needs authentication, or --insecure.',
      ),
    allowedHosts: z
      .array(z.string().max(255).regex(hostPattern, 'must be a name or an address, without a port'))
      .max(100)
      .prefault([...initial.allowedHosts])
      .describe(
        'Names, without a port, that the Host header may have besides localhost and addresses. A proxy in front needs its own here. At most 100.',
      ),
    allowedOrigins: z
      .array(z.string().max(300).regex(originPattern, 'must be an origin, such as https://app.example, without a path'))
      .max(100)
      .prefault([...initial.allowedOrigins])
      .describe(
        'Origins of pages whose requests are taken, and which may read the answers (CORS), such as "https://app.example". Default: none. Where only this machine can connect, requests of its own pages are taken besides; those may read no answer. At most 100.',
      ),
    bodyBytesMax: z
      .int()
      .min(kibibyte)
      .max(64 * kibibyte * kibibyte)
      .prefault(initial.bodyBytesMax)
      .describe('The largest body that is read, in bytes. Default 4194304. 1024 to 67108864.'),
    headerBytesMax: z
      .int()
      .min(2 * kibibyte)
      .max(256 * kibibyte)
      .prefault(initial.headerBytesMax)
      .describe('The largest head of a request, in bytes. Default 16384. 2048 to 262144.'),
    headersTimeout: duration({ minMs: 100, maxMs: hour })
      .prefault(initial.headersTimeout)
      .describe('How long the head of a request may take to arrive. Default 10s. 100ms to 1h.'),
    requestTimeout: duration({ minMs: 100, maxMs: hour })
      .prefault(initial.requestTimeout)
      .describe('How long a request may take to arrive whole. Default 30s. At least headersTimeout. 100ms to 1h.'),
    connectionsMax: count(1_000_000)
      .prefault(initial.connectionsMax)
      .describe('How many connections are open at once. Default 20000. 1 to 1000000.'),
    sessionsMax: count(1_000_000)
      .prefault(initial.sessionsMax)
      .describe('How many sessions of MCP 2025-11-25 and earlier are kept. Default 10000. 1 to 1000000.'),
    sessionIdle: duration({ minMs: second, maxMs: 7 * 24 * hour })
      .prefault(initial.sessionIdle)
      .describe('How long a session without requests and streams is kept. Default 30m. 1s to 7d.'),
    inFlightMax: count(10_000)
      .prefault(initial.inFlightMax)
      .describe('How many requests of one session are in flight at once. Default 256. 1 to 10000.'),
    eventsMax: count(10_000)
      .prefault(initial.eventsMax)
      .describe('How many messages a session keeps for streams that are resumed. Default 100. 1 to 10000.'),
    eventBytesMax: z
      .int()
      .min(kibibyte)
      .max(64 * kibibyte * kibibyte)
      .prefault(initial.eventBytesMax)
      .describe('How much of them it keeps, in bytes of JSON. Default 262144. 1024 to 67108864.'),
    eventBytesTotalMax: z
      .int()
      .min(kibibyte)
      .max(kibibyte * kibibyte * kibibyte)
      .prefault(initial.eventBytesTotalMax)
      .describe(
        'How much all sessions keep of them together; the oldest go first. Default 67108864. 1024 to 1073741824.',
      ),
    subscriptionsMax: count(1_000_000)
      .prefault(initial.subscriptionsMax)
      .describe('How many subscriptions of MCP 2026-07-28 are open at once. Default 1024. 1 to 1000000.'),
  })
  .refine(({ headersTimeout, requestTimeout }) => requestTimeout >= headersTimeout, {
    path: ['requestTimeout'],
    message: 'must be at least headersTimeout, which is a part of it',
  });

export type HttpConfig = Readonly<z.infer<typeof httpSchema>>;
