import diagnosticsChannel from 'node:diagnostics_channel';

/**
 * What happens to an operation, as `diagnostics_channel` events named `mcp-once:<type>`. Publishing
 * costs nothing while nobody listens. Listeners run synchronously, before the next step is taken.
 *
 * | event | when |
 * |---|---|
 * | `claim` | before the ledger is asked |
 * | `claimed` | this process owns the operation; nothing is dispatched yet |
 * | `dispatch` | a step's request has just been handed to the upstream's client; step `run`: a tool has begun, and may send from here on |
 * | `answer` | the upstream answered (or failed) a step, or a tool without steps; nothing is settled yet |
 * | `settled` | the outcome, or what a person is asked (`waiting`), is in the ledger; the caller has not been answered |
 * | `answered` | a call has its answer |
 * | `recover` | a recovery of an unknown outcome begins |
 * | `ledger_fault` | a write to the ledger failed and is tried again or given up |
 */
export type EngineEvent =
  | { readonly type: 'claim'; readonly operation: string; readonly tool: string }
  | { readonly type: 'claimed'; readonly operation: string; readonly tool: string; readonly attempt: number }
  | { readonly type: 'dispatch'; readonly operation: string; readonly tool: string; readonly step: string }
  | { readonly type: 'answer'; readonly operation: string; readonly tool: string; readonly step: string }
  | {
      readonly type: 'settled';
      readonly operation: string;
      readonly tenant: string;
      readonly subject: string;
      readonly tool: string;
      readonly state: string;
    }
  | {
      readonly type: 'answered';
      readonly tenant: string;
      readonly subject: string;
      readonly tool: string;
      readonly code: string;
      readonly replayed: boolean;
      /** Absent where the ledger was not asked. */
      readonly operation?: string;
      /** Of the call's trace context. */
      readonly traceId?: string;
    }
  | { readonly type: 'recover'; readonly operation: string; readonly tool: string; readonly recovery: string }
  | { readonly type: 'ledger_fault'; readonly operation: string; readonly message: string };

type EventType = EngineEvent['type'];

const types: readonly EventType[] = [
  'claim',
  'claimed',
  'dispatch',
  'answer',
  'settled',
  'answered',
  'recover',
  'ledger_fault',
];

const channels = new Map(types.map((type) => [type, diagnosticsChannel.channel(`mcp-once:${type}`)]));

/** Tells whoever listens. A listener that throws is reported by Node, never to the caller. */
export function emit(event: EngineEvent): void {
  const channel = channels.get(event.type);
  if (channel?.hasSubscribers) channel.publish(event);
}

/** Listens to every event. @returns a function that stops listening. */
export function onEvent(listener: (event: EngineEvent) => void): () => void {
  const receive = (message: unknown): void => listener(message as EngineEvent);
  for (const channel of channels.values()) channel.subscribe(receive);
  return () => {
    for (const channel of channels.values()) channel.unsubscribe(receive);
  };
}
