import { McpOnceError } from '../../core/errors.ts';
import { sentence, suggestion } from '../../core/suggest.ts';
import type { Method } from '../document/types.ts';

/** How a provider takes and remembers idempotency keys. */
export interface ProviderProfile {
  readonly name: string;
  /** Hosts that it is for, `*.` standing for any subdomain. */
  readonly hosts: readonly string[];
  /** The header that carries the key; undefined where it goes into the body. */
  readonly header?: string;
  readonly bodyField?: string;
  /** `quoted`: a structured-field string, as the IETF draft has it. */
  readonly quoting: 'bare' | 'quoted';
  /** Characters. */
  readonly keyCharsMax: number;
  /** How long it remembers a key, in ms. */
  readonly memoryMs: number;
  /** Statuses that say "this key is in use" or "this key came with other parameters": never a failure. */
  readonly inUseStatuses: readonly number[];
  /** Methods whose operations all take the key, although documents do not declare it; undefined: none. */
  readonly undeclared?: readonly Method[];
  /** Where the figures come from. */
  readonly source: string;
}

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/**
 * For every other provider, and for one whose host is not known. Most take the key bare, and say nothing
 * of how long they remember it: 24 h is what those that do say it say most.
 */
const generic: ProviderProfile = Object.freeze({
  name: 'generic',
  hosts: [],
  header: 'Idempotency-Key',
  quoting: 'bare',
  keyCharsMax: 64,
  memoryMs: day,
  // The draft's 422 (same key, other parameters) cannot come of a key that no other request ever has, and
  // as a plain "your arguments are wrong" it is the commonest answer of all.
  inUseStatuses: [409],
  source: 'https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07#section-2.6',
});

/** Where a provider says several things, or none, the shorter memory and the shorter key are taken. */
const profiles: readonly ProviderProfile[] = [
  {
    name: 'stripe',
    hosts: ['api.stripe.com', 'files.stripe.com'],
    header: 'Idempotency-Key',
    quoting: 'bare',
    keyCharsMax: 255,
    memoryMs: day,
    inUseStatuses: [409],
    undeclared: ['POST'],
    source: 'https://docs.stripe.com/api/idempotent_requests',
  },
  {
    // Orders 6 h, payment tokens 3 h, captures 45 days; 108 characters in version 2, 38 in older APIs.
    name: 'paypal',
    hosts: ['api.paypal.com', '*.paypal.com'],
    header: 'PayPal-Request-Id',
    quoting: 'bare',
    keyCharsMax: 38,
    memoryMs: 3 * hour,
    inUseStatuses: [409],
    source: 'https://developer.paypal.com/reference/guidelines/idempotency/',
  },
  {
    // Its memory is not published: taken as 24 h.
    name: 'square',
    hosts: ['connect.squareup.com', '*.squareup.com', '*.squareupsandbox.com'],
    bodyField: 'idempotency_key',
    quoting: 'bare',
    keyCharsMax: 45,
    memoryMs: day,
    inUseStatuses: [409],
    source: 'https://developer.squareup.com/docs/working-with-apis/idempotency',
  },
  {
    // At least 7 days (31 in an older edition). While the first request is under way it answers 422, as to wrong
    // arguments: a first send cannot meet that, and after an unclear one a refusal settles nothing.
    name: 'adyen',
    hosts: ['*.adyen.com', '*.adyenpayments.com'],
    header: 'Idempotency-Key',
    quoting: 'bare',
    keyCharsMax: 64,
    memoryMs: 7 * day,
    inUseStatuses: [409],
    undeclared: ['POST'],
    source: 'https://docs.adyen.com/development-resources/api-idempotency',
  },
  {
    // 24 h for consent payments, 7 days for bank transfers; 50 characters for transfers, 128 for payments.
    name: 'plaid',
    hosts: ['*.plaid.com'],
    bodyField: 'idempotency_key',
    quoting: 'bare',
    keyCharsMax: 50,
    memoryMs: day,
    inUseStatuses: [409],
    source: 'https://plaid.com/docs/bank-transfers/idempotency-and-retries/',
  },
  {
    name: 'svix',
    hosts: ['api.svix.com', '*.svix.com'],
    header: 'Idempotency-Key',
    quoting: 'bare',
    keyCharsMax: 64,
    memoryMs: 12 * hour,
    inUseStatuses: [409],
    undeclared: ['POST'],
    source: 'https://docs.svix.com/idempotency',
  },
  {
    // By service: DynamoDB 10 minutes, Directory Service Data 8 h, Cloud Control 36 h; ECS takes 36 characters.
    name: 'aws',
    hosts: ['*.amazonaws.com', '*.amazonaws.com.cn', '*.api.aws'],
    bodyField: 'ClientToken',
    quoting: 'bare',
    keyCharsMax: 36,
    memoryMs: 10 * minute,
    inUseStatuses: [409],
    source: 'https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html',
  },
  {
    // By name only: a server that keeps to the draft takes the key as a structured-field string, in quotes.
    ...generic,
    name: 'ietf',
    quoting: 'quoted',
    source: 'https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07#section-2.1',
  },
];

/**
 * The profile of a provider: by its name, else by the host of its server, else `generic`.
 * @throws McpOnceError `configuration_invalid` for a name that no profile has.
 */
export function chooseProfile(serverHost: string, name?: string): ProviderProfile {
  if (name !== undefined) {
    const named = [...profiles, generic].find((profile) => profile.name === name);
    if (named) return named;
    const names = [...profiles, generic].map((profile) => profile.name);
    const known = suggestion(name, names) || `; there are: ${names.join(', ')}`;
    throw new McpOnceError(
      'configuration_invalid',
      sentence(`There is no provider profile ${JSON.stringify(name.slice(0, 64))}${known}`),
    );
  }
  const host = serverHost.toLowerCase().replace(/:\d+$/, '');
  return profiles.find(({ hosts }) => hosts.some((pattern) => isHost(host, pattern))) ?? generic;
}

function isHost(host: string, pattern: string): boolean {
  return pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern;
}
