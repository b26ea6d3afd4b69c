import { defaultMatch, defaultWindowMs } from '../../core/tool/define-tool.ts';
import type { Effect, Match } from '../../core/tool/types.ts';
import type { Method, OperationHead } from '../document/types.ts';
import type { OperationOverride } from './extensions.ts';

/** What is known of an operation's policy without resolving anything. */
export interface HeadPolicy {
  readonly effect: Effect;
  readonly match: Match;
  readonly windowMs: number;
  /** Whether the path names one thing, which is then the resource. */
  readonly byId: boolean;
  readonly why: readonly string[];
}

const byMethod: Readonly<Record<Method, Effect>> = {
  GET: 'read',
  HEAD: 'read',
  OPTIONS: 'read',
  TRACE: 'read',
  // Safe and idempotent: draft-ietf-httpbis-safe-method-w-body.
  QUERY: 'read',
  PUT: 'replace',
  DELETE: 'delete',
  POST: 'create',
  PATCH: 'update',
};

/** `/orders/{id}`, `/files/{name}.json`; not `/orders/last`, and not `/orders/{id}:cancel`. */
const endsInParameter = /\{[^{}/]+\}(\.\w+)?\/?$/;

/**
 * Effect and match of an operation: by method and path (RFC 9110 section 9.2), unless something was said.
 * A PUT or DELETE whose path ends in no parameter (`/items/last`) may mean another thing each time: an update.
 */
export function headPolicy(head: OperationHead, override: OperationOverride): HeadPolicy {
  const { method, path } = head;
  const named = endsInParameter.test(path);
  const isLoose = !named && (method === 'PUT' || method === 'DELETE');
  const effect = override.clientId === undefined ? (isLoose ? 'update' : byMethod[method]) : 'create';
  const said = override.effect ?? effect;
  // Whoever calls it a replacement or a deletion says that its path names one thing.
  const byId = override.clientId === undefined && (named || override.effect === 'replace' || said === 'delete');
  const match = override.match ?? defaultMatch(said, byId);
  return {
    effect: said,
    match: said === 'read' ? 'off' : match,
    windowMs: override.windowMs ?? defaultWindowMs(match),
    byId,
    why: [isLoose ? `${method} of a path that ends in no parameter` : method],
  };
}
