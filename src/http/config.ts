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

/** A host name or an address. IPv6 addresses stand in brackets. */
const hostPattern = /^(\[[0-9a-fA-F:.]+\]|[^\s/:@[\]]+)$/;

/** An origin as browsers write it (Fetch standard, `Origin`). */
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
        'The address to listen on: HOST:PORT, or a port on 127.0.0.1. Port 0 chooses a free port. Default 127.0.0.1:3000. An address that other machines can reach needs authentication, or --insecure.',
      ),
    allowedHosts: z
      .array(z.string().max(255).regex(hostPattern, 'must be a name or an address, without a port'))
      .max(100)
      .prefault([...initial.allowedHosts])
      .describe(
        'Host names that the Host header may contain, without a port. localhost and addresses are always allowed. Add the name of a proxy in front of the server. At most 100.',
      ),
    allowedOrigins: z
      .array(z.string().max(300).regex(originPattern, 'must be an origin, such as https://app.example, without a path'))
      .max(100)
      .prefault([...initial.allowedOrigins])
      .describe(
        'Origins whose pages may send requests and read the responses (CORS), such as "https://app.example". Default: none. On a loopback address, pages of this machine may also send requests, but not read the responses. At most 100.',
      ),
    tlsInFront: z
      .boolean()
      .optional()
      .describe(
        'Whether a proxy in front of this server takes all connections, with TLS. The server itself has no TLS. On an address that other machines can reach, it warns at start that tokens travel unencrypted unless this is true. Default: true if access.oauth.resource is an https URL, otherwise false.',
      ),
    bodyBytesMax: z
      .int()
      .min(kibibyte)
      .max(64 * kibibyte * kibibyte)
      .prefault(initial.bodyBytesMax)
      .describe('The largest request body, in bytes. Default 4194304. 1024 to 67108864.'),
    headerBytesMax: z
      .int()
      .min(2 * kibibyte)
      .max(256 * kibibyte)
      .prefault(initial.headerBytesMax)
      .describe('The largest request head, in bytes. Default 16384. 2048 to 262144.'),
    headersTimeout: duration({ minMs: 100, maxMs: hour })
      .prefault(initial.headersTimeout)
      .describe('How long the head of a request may take to arrive. Default 10s. 100ms to 1h.'),
    requestTimeout: duration({ minMs: 100, maxMs: hour })
      .prefault(initial.requestTimeout)
      .describe('How long a whole request may take to arrive. Default 30s. At least headersTimeout. 100ms to 1h.'),
    connectionsMax: count(1_000_000)
      .prefault(initial.connectionsMax)
      .describe('The largest number of open connections. Default 20000. 1 to 1000000.'),
    sessionsMax: count(1_000_000)
      .prefault(initial.sessionsMax)
      .describe('The largest number of sessions of MCP 2025-11-25 and earlier. Default 10000. 1 to 1000000.'),
    sessionIdle: duration({ minMs: second, maxMs: 7 * 24 * hour })
      .prefault(initial.sessionIdle)
      .describe('How long a session without requests and streams stays open. Default 30m. 1s to 7d.'),
    inFlightMax: count(10_000)
      .prefault(initial.inFlightMax)
      .describe('The largest number of requests in flight in one session. Default 256. 1 to 10000.'),
    eventsMax: count(10_000)
      .prefault(initial.eventsMax)
      .describe('The number of messages that a session keeps for resumed streams. Default 100. 1 to 10000.'),
    eventBytesMax: z
      .int()
      .min(kibibyte)
      .max(64 * kibibyte * kibibyte)
      .prefault(initial.eventBytesMax)
      .describe('The size of the messages that a session keeps, in bytes of JSON. Default 262144. 1024 to 67108864.'),
    eventBytesTotalMax: z
      .int()
      .min(kibibyte)
      .max(kibibyte * kibibyte * kibibyte)
      .prefault(initial.eventBytesTotalMax)
      .describe(
        'The size of the messages that all sessions keep together, in bytes of JSON. The oldest are dropped first. Default 67108864. 1024 to 1073741824.',
      ),
    subscriptionsMax: count(1_000_000)
      .prefault(initial.subscriptionsMax)
      .describe('The largest number of open subscriptions of MCP 2026-07-28. Default 1024. 1 to 1000000.'),
  })
  .refine(({ headersTimeout, requestTimeout }) => requestTimeout >= headersTimeout, {
    path: ['requestTimeout'],
    message: 'must be at least headersTimeout, which it includes',
  });

export type HttpConfig = Readonly<z.infer<typeof httpSchema>>;
