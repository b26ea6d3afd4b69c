import type { Classification } from '../../core/tool/types.ts';
import type { Method } from '../document/types.ts';
import type { HttpRequest } from './types.ts';
import type { Answered, Exchange, Unanswered } from './wire.ts';

/** What one send came to, taken for itself: as if none had gone before it. */
export interface Meaning {
  readonly classification: Classification | 'succeeded';
  /** What happened, without a full stop. Holds an origin or a status, no path and no value. */
  readonly what: string;
  /** Whether the same request may do better. */
  readonly transient: boolean;
}

const reads: ReadonlySet<Method> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY']);
const transientStatuses: ReadonlySet<number> = new Set([408, 425, 429, 502, 503, 504]);

/** Safe methods (RFC 9110, 9.2.1; RFC 9110bis for QUERY): nothing is changed by them. */
export function isRead(method: Method): boolean {
  return reads.has(method);
}

export function meaningOf(exchange: Exchange, request: HttpRequest, inUseStatuses: readonly number[]): Meaning {
  return exchange.type === 'answered'
    ? meaningOfAnswer(exchange, request, inUseStatuses)
    : meaningOfSilence(exchange, request);
}

function meaningOfAnswer(answer: Answered, request: HttpRequest, inUseStatuses: readonly number[]): Meaning {
  const { status } = answer;
  const transient = transientStatuses.has(status);
  const isSuccess = (status >= 200 && status < 300) || (status === 304 && isRead(request.method));
  if (isSuccess) return { classification: 'succeeded', what: `the API answered ${status}`, transient: false };
  if (inUseStatuses.includes(status)) {
    const what = `the API answered ${status}, which may say that the key is in use or came with other parameters`;
    return { classification: 'unknown', what, transient };
  }
  if (status >= 300 && status < 400) return meaningOfRedirect(answer, request);
  return { ...meaningOfError(status, inUseStatuses.length > 0), transient };
}

/** The statuses of RFC 9110, 15.5 and 15.6, RFC 6585 and RFC 8470. */
function meaningOfError(status: number, isKeyed: boolean): Omit<Meaning, 'transient'> {
  const answered = `the API answered ${status}`;
  switch (status) {
    case 401:
      return { classification: 'not_executed', what: `${answered}: it does not accept the credentials` };
    case 403:
      return { classification: 'not_executed', what: `${answered}: the credentials do not allow it` };
    case 407:
      return { classification: 'not_executed', what: `${answered}: a proxy wants credentials` };
    case 429:
      return { classification: 'not_executed', what: `${answered}: too many requests` };
    case 425:
      return { classification: 'not_executed', what: `${answered}: too early` };
    case 404:
    case 410:
      return { classification: 'gone', what: `${answered}: it does not exist` };
    case 408:
      return { classification: 'unknown', what: `${answered}: it waited too long for the request` };
    case 409:
      return { classification: isKeyed ? 'unknown' : 'failed', what: `${answered}: a conflict` };
    case 412:
      return { classification: 'failed', what: `${answered}: the resource has changed since it was read` };
    case 501:
      return { classification: 'failed', what: `${answered}: it does not know this` };
    default: {
      // Beyond 428 only what RFCs define says "not done"; 440, 460, 499 and the like are of proxies, and tell nothing.
      const isRefusal = (status >= 400 && status <= 428) || status === 431 || status === 451;
      return { classification: isRefusal ? 'failed' : 'unknown', what: answered };
    }
  }
}

/**
 * A redirect that was not followed. 301, 307 and 308 ask for the same request elsewhere (RFC 9110, 15.4): it was not
 * executed here. 302 and 303 may be the answer to a request that was executed ("see other"), also where they point at
 * its own path: a form's POST mostly ends at the list that it added to.
 */
function meaningOfRedirect(answer: Answered, request: HttpRequest): Meaning {
  const { status } = answer;
  const target = targetOf(answer, request);
  const where = target
    ? ` to ${target.origin === new URL(request.url).origin ? 'another place of it' : target.origin}`
    : '';
  const isElsewhere = status === 301 || status === 307 || status === 308;
  const classification = isElsewhere && target !== undefined ? 'not_executed' : 'unknown';
  return {
    classification,
    what: `the API answered ${status}, a redirect${where}, which is not followed`,
    transient: false,
  };
}

/** Where a redirect points; undefined where it does not say, or not in a way that can be followed. */
export function targetOf(answer: Answered, request: HttpRequest): URL | undefined {
  const location = answer.headers.location;
  if (location === undefined || !URL.canParse(location, request.url)) return undefined;
  const target = new URL(location, request.url);
  if (!/^https?:$/.test(target.protocol)) return undefined;
  // User names in URLs are credentials of nobody.
  target.username = '';
  target.password = '';
  return target;
}

function meaningOfSilence({ sent, why, code }: Unanswered, request: HttpRequest): Meaning {
  const coded = code === '' ? '' : ` (${code})`;
  const { origin } = new URL(request.url);
  const classification = sent ? 'unknown' : 'not_executed';
  switch (why) {
    case 'refused':
      return { classification, what: `no connection to ${origin} could be made${coded}`, transient: sent };
    case 'not-found':
      return { classification, what: `the host of ${origin} is not known${coded}`, transient: sent };
    case 'certificate': {
      const advice = 'for a certificate of your own set NODE_EXTRA_CA_CERTS to its file before the server starts';
      return {
        classification,
        what: `the certificate of ${origin} is not trusted${coded}; ${advice}`,
        transient: sent,
      };
    }
    case 'private': {
      const advice = 'the operator may allow it (allowPrivate)';
      return {
        classification,
        what: `${origin} is on a private, loopback or link-local address; ${advice}`,
        transient: false,
      };
    }
    case 'timeout': {
      const what = sent ? 'the API did not answer in time' : `no connection to ${origin} was made in time`;
      return { classification, what: what + coded, transient: true };
    }
    case 'broken':
      return { classification, what: `the connection to ${origin} broke off${coded}`, transient: true };
    case 'cancelled':
      return { classification, what: 'the request was cancelled', transient: false };
    case 'withdrawn':
      return { classification, what: 'the claim was lost before the request was sent', transient: false };
  }
}
