import type { InputRequest } from '../core/call/outcome.ts';
import type { QuestionChannel } from '../core/call/types.ts';

/** MCP, `ElicitRequest`, in its form mode, which is the one where no mode is said. */
export interface ElicitRequest {
  readonly method: 'elicitation/create';
  readonly params: { readonly message: string; readonly requestedSchema: InputRequest['schema'] };
}

/** The engine's question as MCP has it. */
export function elicitRequest({ message, schema }: InputRequest): ElicitRequest {
  return { method: 'elicitation/create', params: { message, requestedSchema: schema } };
}

/** What a client has to declare to be asked by a form. */
export const formCapability = { elicitation: { form: {} } } as const;

/**
 * Whether a client has declared that it can put a form to a person. `{}` means forms, as it did before there
 * were modes (MCP 2025-11-25 and 2026-07-28, elicitation, capabilities).
 */
export function acceptsForms(capabilities: unknown): boolean {
  const { elicitation } = (capabilities ?? {}) as { elicitation?: unknown };
  if (typeof elicitation !== 'object' || elicitation === null) return false;
  return 'form' in elicitation || !('url' in elicitation);
}

/** How the engine asks a client of MCP 2025-11-25: by a request on the connection of the call. */
export function elicitationChannel(
  send: (request: ElicitRequest, signal: AbortSignal) => Promise<unknown>,
): QuestionChannel {
  return { type: 'direct', ask: (request, signal) => send(elicitRequest(request), signal) };
}
