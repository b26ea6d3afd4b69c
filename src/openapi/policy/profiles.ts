import { McpOnceError } from '../../core/errors.ts';
import { sentence, suggestion } from '../../core/suggest.ts';
import type { Method } from '../document/types.ts';

/** How a provider accepts and remembers idempotency keys. */
export interface ProviderProfile {
  readonly name: string;
  /** The provider's hosts. `*.` stands for any subdomain. */
  readonly hosts: readonly string[];
  /** The header that carries the key. */
  readonly header?: string;
  /** The property of the body that carries the key. */
  readonly bodyField?: string;
  /** Whether the key is written as it is, or as a structured-field string in quotes (IETF draft). */
  readonly quoting: 'bare' | 'quoted';
  /** The longest key, in characters. */
  readonly keyCharsMax: number;
  /** How long the provider remembers a key, in ms. */
  readonly memoryMs: number;
  /** Statuses for a key that is in use or came with other parameters. They do not settle the outcome. */
  readonly inUseStatuses: readonly number[];
  /** Methods whose operations all accept the key, although documents do not declare it. @defaultValue none */
  readonly undeclared?: readonly Method[];
  /** How the provider says no with a status of success. @defaultValue as most APIs do */
  readonly errors?: ProviderErrors;
  /** The documentation that the values come from. */
  readonly source: string;
}

/** The errors of a provider that answers them with a status of success. */
export interface ProviderErrors {
  /** The member of the body that is false. */
  readonly member: string;
  /** The member that holds the code. */
  readonly codeMember: string;
  /** The codes after which the request may have taken effect. All others are definite refusals. */
  readonly doubtCodes: readonly string[];
}

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/**
 * The profile of unknown providers. Most providers accept the key without quotes and do not document how long they
 * remember it. 24 h is the most frequent documented value.
 */
const generic: ProviderProfile = Object.freeze({
  name: 'generic',
  hosts: [],
  header: 'Idempotency-Key',
  quoting: 'bare',
  keyCharsMax: 64,
  memoryMs: day,
  // The draft's 422 (same key, other parameters) is not in the list. No other request has the same key, and 422
  // usually means that the arguments are not valid.
  inUseStatuses: [409],
  source: 'https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07#section-2.6',
});

/** If a provider documents several values or none, the profile has the shorter memory and the shorter key. */
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
    // Memory: orders 6 h, payment tokens 3 h, captures 45 days. Keys: 108 characters in version 2, 38 in older APIs.
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
    // Square does not document its memory. 24 h is assumed.
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
    // Memory: at least 7 days (31 in an older edition). Adyen answers 422 both for a key in use and for invalid arguments.
    // The first request cannot get the former, and after an unclear request a refusal does not settle the outcome.
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
    // Memory: consent payments 24 h, bank transfers 7 days. Keys: transfers 50 characters, payments 128.
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
    // Memory: DynamoDB 10 minutes, Directory Service Data 8 h, Cloud Control 36 h. Keys: ECS 36 characters.
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
    // Slack takes no keys. Every answer has the status 200 and `ok`. According to Slack, these codes can follow
    // a partial success.
    name: 'slack',
    hosts: ['slack.com', '*.slack.com'],
    quoting: 'bare',
    keyCharsMax: 64,
    memoryMs: 0,
    inUseStatuses: [],
    errors: {
      member: 'ok',
      codeMember: 'error',
      doubtCodes: ['internal_error', 'fatal_error', 'service_unavailable', 'request_timeout'],
    },
    source: 'https://docs.slack.dev/reference/methods/chat.postMessage#errors',
  },
  {
    // Chosen only by name. A server that follows the draft accepts the key as a structured-field string in quotes.
    ...generic,
    name: 'ietf',
    quoting: 'quoted',
    source: 'https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07#section-2.1',
  },
];

/**
 * Chooses a provider profile by name, or else by the first known host of the servers, or else `generic`.
 * @throws McpOnceError `configuration_invalid` for an unknown name.
 *
 * @example
 * chooseProfile('api.stripe.com').name // 'stripe'
 */
export function chooseProfile(serverHosts: string | readonly string[], name?: string): ProviderProfile {
  if (name !== undefined) {
    const named = [...profiles, generic].find((profile) => profile.name === name);
    if (named) return named;
    const names = [...profiles, generic].map((profile) => profile.name);
    const known = suggestion(name, names) || `; use one of: ${names.join(', ')}`;
    throw new McpOnceError(
      'configuration_invalid',
      sentence(`The provider profile ${JSON.stringify(name.slice(0, 64))} does not exist${known}`),
    );
  }
  for (const serverHost of [serverHosts].flat()) {
    const host = serverHost.toLowerCase().replace(/:\d+$/, '');
    const found = profiles.find(({ hosts }) => hosts.some((pattern) => isHost(host, pattern)));
    if (found) return found;
  }
  return generic;
}

function isHost(host: string, pattern: string): boolean {
  return pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern;
}
