import { meaningOfStatus } from '../../core/error-answers/codes.ts';
import type { Classification } from '../../core/tool/types.ts';
import type { Method } from '../document/types.ts';
import type { NoResponse, ReceivedResponse, TransportResult } from './transport.ts';
import type { HttpRequest } from './types.ts';

/** The classification of one send, without regard to earlier sends of the same request. */
export interface ClassifiedResult {
  readonly classification: Classification | 'succeeded';
  /** What happened, without a full stop. Contains an origin or a status, but no path and no value. */
  readonly description: string;
  /** Whether the same request may succeed later. */
  readonly isTransient: boolean;
  /** Whether it may be about an earlier request with the same key. */
  readonly isAboutKey?: boolean;
}

const safeMethods: ReadonlySet<Method> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY']);
const transientStatuses: ReadonlySet<number> = new Set([408, 425, 429, 502, 503, 504]);

/** Returns whether a method changes nothing (RFC 9110, 9.2.1; RFC 9110bis for QUERY). */
export function isSafeMethod(method: Method): boolean {
  return safeMethods.has(method);
}

export function classifyResult(
  result: TransportResult,
  request: HttpRequest,
  inUseStatuses: readonly number[],
): ClassifiedResult {
  return result.type === 'response'
    ? classifyResponse(result, request, inUseStatuses)
    : classifyNoResponse(result, request);
}

function classifyResponse(
  response: ReceivedResponse,
  request: HttpRequest,
  inUseStatuses: readonly number[],
): ClassifiedResult {
  const { status } = response;
  const isTransient = transientStatuses.has(status);
  const isSuccess = (status >= 200 && status < 300) || (status === 304 && isSafeMethod(request.method));
  if (isSuccess) return { classification: 'succeeded', description: `the API answered ${status}`, isTransient: false };
  if (inUseStatuses.includes(status)) {
    const description = `the API answered ${status}, which may mean that the key is in use or came with other parameters`;
    return { classification: 'unknown', description, isTransient, isAboutKey: true };
  }
  if (status >= 300 && status < 400) return classifyRedirect(response, request);
  return { ...classifyErrorStatus(status, inUseStatuses.length > 0), isTransient };
}

/** Follows `meaningOfStatus`, and says it for this kind of client. */
function classifyErrorStatus(status: number, isKeyed: boolean): Omit<ClassifiedResult, 'isTransient'> {
  const answered = `the API answered ${status}`;
  switch (status) {
    case 401:
      return { classification: 'not_executed', description: `${answered}: it does not accept the credentials` };
    case 403:
      return { classification: 'not_executed', description: `${answered}: the credentials do not allow it` };
    case 407:
      return { classification: 'not_executed', description: `${answered}: a proxy requires credentials` };
    case 429:
      return { classification: 'not_executed', description: `${answered}: too many requests` };
    case 425:
      return { classification: 'not_executed', description: `${answered}: too early` };
    case 404:
    case 410:
      return { classification: 'gone', description: `${answered}: it does not exist` };
    case 408:
      return { classification: 'unknown', description: `${answered}: it waited too long for the request` };
    case 409:
      return { classification: isKeyed ? 'unknown' : 'failed', description: `${answered}: a conflict` };
    case 412:
      return { classification: 'failed', description: `${answered}: the resource has changed since it was read` };
    case 501:
      return { classification: 'failed', description: `${answered}: it does not support the request` };
    default: {
      return { classification: meaningOfStatus(status) === 'doubt' ? 'unknown' : 'failed', description: answered };
    }
  }
}

/**
 * Classifies a redirect that was not followed. 301, 307 and 308 ask for the same request at another URL (RFC 9110,
 * 15.4), so it was not executed. 302 and 303 may answer an executed request ("see other"), even if they point at its own
 * path: a form's POST often redirects to the list that it added to.
 */
function classifyRedirect(response: ReceivedResponse, request: HttpRequest): ClassifiedResult {
  const { status } = response;
  const target = redirectTarget(response, request);
  const where = target
    ? ` to ${target.origin === new URL(request.url).origin ? 'another URL of the same server' : target.origin}`
    : '';
  const isElsewhere = status === 301 || status === 307 || status === 308;
  const classification = isElsewhere && target !== undefined ? 'not_executed' : 'unknown';
  return {
    classification,
    description: `the API answered ${status}, a redirect${where}, which is not followed`,
    isTransient: false,
  };
}

/** Returns the URL that a redirect points to. Returns undefined if it has no usable `location`. */
export function redirectTarget(response: ReceivedResponse, request: HttpRequest): URL | undefined {
  const location = response.headers.location;
  if (location === undefined || !URL.canParse(location, request.url)) return undefined;
  const target = new URL(location, request.url);
  if (!/^https?:$/.test(target.protocol)) return undefined;
  // The server chose this URL, so a user name in it is not ours.
  target.username = '';
  target.password = '';
  return target;
}

function classifyNoResponse({ sent, reason, code }: NoResponse, request: HttpRequest): ClassifiedResult {
  const detail = code === '' ? '' : ` (${code})`;
  const { origin } = new URL(request.url);
  const classification = sent ? 'unknown' : 'not_executed';
  switch (reason) {
    case 'refused':
      return { classification, description: `no connection to ${origin} could be made${detail}`, isTransient: sent };
    case 'not-found':
      return { classification, description: `the host of ${origin} cannot be resolved${detail}`, isTransient: sent };
    case 'certificate': {
      const advice =
        'for a private certificate authority, set NODE_EXTRA_CA_CERTS to its file before the server starts';
      return {
        classification,
        description: `the certificate of ${origin} is not trusted${detail}; ${advice}`,
        isTransient: sent,
      };
    }
    case 'private': {
      const advice = 'the operator may allow it (allowPrivate)';
      return {
        classification,
        description: `${origin} is on a private, loopback or link-local address; ${advice}`,
        isTransient: false,
      };
    }
    case 'timeout': {
      const description = sent ? 'the API did not answer in time' : `no connection to ${origin} was made in time`;
      return { classification, description: description + detail, isTransient: true };
    }
    case 'broken':
      return { classification, description: `the connection to ${origin} broke off${detail}`, isTransient: true };
    case 'cancelled':
      return { classification, description: 'the request was cancelled', isTransient: false };
    case 'withdrawn':
      return { classification, description: 'the claim was lost before the request was sent', isTransient: false };
  }
}
