import { within } from '../clock.ts';
import { McpOnceError } from '../errors.ts';
import { isObject } from '../json.ts';
import { comparable, type ValidArguments } from '../key/arguments.ts';
import { factKeyOf, type Scope } from '../key/derive-key.ts';
import { untilAborted } from '../promises.ts';
import type { CanonicalContext, Tool } from '../tool/types.ts';
import { openClient } from './bounded-run.ts';
import { clauseOf, describeForCaller } from './faults.ts';
import { type RefusalOutcome, refusal } from './outcome.ts';
import type { EngineParts, ToolCall } from './types.ts';

const dayMs = 86_400_000;

export type CanonicalForm =
  | {
      /** The form that `identity` gets. */
      readonly form: Record<string, unknown>;
      /** The arguments to send, with the hash of the form. */
      readonly input: ValidArguments;
    }
  | { readonly refused: RefusalOutcome };

/**
 * Asks a tool for the canonical form of a call's arguments. The tool may read its upstream: nothing is claimed yet, and the
 * time is bounded. A form that cannot be made refuses the call, since another form would be another operation.
 */
export async function canonicalFormOf(
  engine: EngineParts,
  tool: Tool,
  call: ToolCall,
  scope: Scope,
  { unfolded: _, ...valid }: ValidArguments,
): Promise<CanonicalForm> {
  const { clock, settings } = engine;
  const late = (): never => {
    throw new Error(`the upstream did not answer within ${settings.waitMs / 1000} s`);
  };
  try {
    const asking = within(clock, formOf(engine, tool, scope, valid.arguments), settings.waitMs, late);
    const form = await untilAborted(asking, call.signal);
    if (form === 'aborted') return { refused: refusal(tool.name, { type: 'caller_left', isGuarded: true }) };
    if (isObject(form)) return { form, input: { ...valid, forHash: comparable(form, tool.input) } };
  } catch (error) {
    if (error instanceof McpOnceError) throw error;
    return { refused: refusal(tool.name, { type: 'not_canonical', detail: clauseOf(describeForCaller(error)) }) };
  }
  throw new McpOnceError('tool_invalid', `${tool.name}: its canonical(input, context) returned no object.`);
}

/** Opens the client only where the tool has to ask: a replay needs no upstream. */
async function formOf(engine: EngineParts, tool: Tool, scope: Scope, args: Record<string, unknown>): Promise<unknown> {
  const upstream = engine.clients.upstream(tool.client);
  const retentionMs = Math.max(engine.settings.recordRetentionMs, tool.windowMs + dayMs);
  const read: CanonicalContext['read'] = async (name, ask) => {
    const ledger = await engine.ledger();
    const key = factKeyOf({ tool: tool.name, scope, upstream, name });
    const known = await ledger.readFact(key);
    if (known !== undefined) return known.value as Awaited<ReturnType<typeof ask>>;
    const answer = await ask(await openClient(engine, tool));
    return (await ledger.keepFact(key, answer, retentionMs)).value as typeof answer;
  };
  return tool.canonical?.(structuredClone(args), { read });
}
