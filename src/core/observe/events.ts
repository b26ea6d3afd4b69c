import diagnosticsChannel from 'node:diagnostics_channel';

/**
 * The events of an operation, published on `diagnostics_channel` channels named `mcp-once:<type>`. Publishing costs
 * nothing without listeners. Listeners run synchronously, before the engine takes its next step.
 *
 * | event | when |
 * |---|---|
 * | `claim` | before the engine claims the operation in the ledger |
 * | `claimed` | this process owns the operation; nothing is dispatched yet |
 * | `dispatch` | the upstream's client has just received a step's request; step `run`: a tool has started and may send requests |
 * | `answer` | a step, or a tool without steps, has returned or failed; nothing is settled yet |
 * | `settled` | the outcome, or the question to a person (`waiting`), is in the ledger; the caller has no outcome yet |
 * | `answered` | the caller has the outcome of its call |
 * | `recover` | a recovery of an unknown outcome begins |
 * | `observed` | a call ran that was only observed, and a guarded one would have been replayed or refused |
 * | `ledger_fault` | a write to the ledger failed; the engine tries again or gives up |
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
      /** Absent if the call did not reach the ledger. */
      readonly operation?: string;
      /** From the call's trace context. */
      readonly traceId?: string;
    }
  | { readonly type: 'recover'; readonly operation: string; readonly tool: string; readonly recovery: string }
  | {
      readonly type: 'observed';
      readonly operation: string;
      readonly tool: string;
      /** What a guarded call would have got: `replayed`, or the code of its refusal. */
      readonly would: string;
    }
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
  'observed',
  'ledger_fault',
];

const channels = new Map(types.map((type) => [type, diagnosticsChannel.channel(`mcp-once:${type}`)]));

/** Publishes an event. If a listener throws, Node reports the error, and the caller does not see it. */
export function emit(event: EngineEvent): void {
  const channel = channels.get(event.type);
  if (channel?.hasSubscribers) channel.publish(event);
}

/** Listens to every event. @returns a function that stops listening */
export function onEvent(listener: (event: EngineEvent) => void): () => void {
  const receive = (message: unknown): void => listener(message as EngineEvent);
  for (const channel of channels.values()) channel.subscribe(receive);
  return () => {
    for (const channel of channels.values()) channel.unsubscribe(receive);
  };
}
