import { defaultClass, defaultWindowMs } from '../../core/tool/define-tool.ts';
import type { Effect, ToolClass } from '../../core/tool/types.ts';
import type { ListedOperation, Method } from '../document/types.ts';
import type { OperationOverride } from './overrides.ts';

/** The part of a policy that is known before the operation is resolved. */
export interface PolicyBasis {
  readonly effect: Effect;
  readonly class: ToolClass;
  readonly windowMs: number;
  /** Whether the path identifies one resource. */
  readonly byId: boolean;
  readonly why: readonly string[];
}

const byMethod: Readonly<Record<Method, Effect>> = {
  GET: 'read',
  HEAD: 'read',
  OPTIONS: 'read',
  TRACE: 'read',
  // QUERY is safe and idempotent (draft-ietf-httpbis-safe-method-w-body).
  QUERY: 'read',
  PUT: 'replace',
  DELETE: 'delete',
  POST: 'create',
  PATCH: 'update',
};

/** Matches `/orders/{id}` and `/files/{name}.json`, but neither `/orders/last` nor `/orders/{id}:cancel`. */
const endsInParameter = /\{[^{}/]+\}(\.\w+)?\/?$/;

/**
 * Decides effect and class of an operation by method and path (RFC 9110, section 9.2), unless they are overridden. A PUT
 * or DELETE whose path does not end in a parameter (`/items/last`) may affect another resource each time, so it counts as
 * an update.
 */
export function policyBasis(listed: ListedOperation, override: OperationOverride): PolicyBasis {
  const { method, path } = listed;
  const named = endsInParameter.test(path);
  const isLoose = !named && (method === 'PUT' || method === 'DELETE');
  const byDefault = override.clientId === undefined ? (isLoose ? 'update' : byMethod[method]) : 'create';
  const effect = override.effect ?? byDefault;
  // An override to `replace` or `delete` implies that the path identifies one resource.
  const byId = override.clientId === undefined && (named || override.effect === 'replace' || effect === 'delete');
  const toolClass = effect === 'read' ? 'off' : (override.class ?? defaultClass(effect));
  return {
    effect,
    class: toolClass,
    windowMs: override.windowMs ?? defaultWindowMs(toolClass, byId),
    byId,
    why: [isLoose ? `${method} on a path that does not end in a parameter` : method],
  };
}
