import type { InputRequest } from '../core/call/outcome.ts';
import type { QuestionChannel } from '../core/call/types.ts';

/** MCP's `ElicitRequest` in form mode, which is the default mode. */
export interface ElicitRequest {
  readonly method: 'elicitation/create';
  readonly params: { readonly message: string; readonly requestedSchema: InputRequest['schema'] };
}

/** Turns a question of the engine into an MCP request. */
export function elicitRequest({ message, schema }: InputRequest): ElicitRequest {
  return { method: 'elicitation/create', params: { message, requestedSchema: schema } };
}

/** The capability that a client must declare to get forms. */
export const formCapability = { elicitation: { form: {} } } as const;

/**
 * Returns whether a client has declared that it can show a form to a person. `{}` means forms, as before modes existed
 * (MCP 2025-11-25 and 2026-07-28, elicitation, capabilities).
 */
export function acceptsForms(capabilities: unknown): boolean {
  const { elicitation } = (capabilities ?? {}) as { elicitation?: unknown };
  if (typeof elicitation !== 'object' || elicitation === null) return false;
  return 'form' in elicitation || !('url' in elicitation);
}

/** Asks a client of MCP 2025-11-25 by a request on the connection of the call. */
export function elicitationChannel(
  send: (request: ElicitRequest, signal: AbortSignal) => Promise<unknown>,
): QuestionChannel {
  return { type: 'direct', ask: (request, signal) => send(elicitRequest(request), signal) };
}
