import type { LookupAnswer, LookupContext } from '../../core/tool/types.ts';
import { valueAt } from './path.ts';
import { isMcpResult } from './result.ts';
import type { CallTarget, DecidedLookup } from './types.ts';

/** The parts of a lookup. */
export interface LookupParts {
  readonly lookup: DecidedLookup;
  readonly upstream: CallTarget;
  /** Turns the found item into the result that the call would have returned. */
  readonly resultOf: (item: unknown) => unknown;
}

/**
 * Calls another tool of the server to find the effect that carries the marker. The server may have kept an argument unchanged
 * or in the form of its schema, so an effect is absent only if no form of the arguments finds it.
 *
 * @param inputs the arguments of the call, in each form
 */
export async function runLookup(
  parts: LookupParts,
  inputs: readonly unknown[],
  context: LookupContext,
): Promise<LookupAnswer> {
  const asked = new Map<string, Readonly<Record<string, unknown>>>();
  for (const input of inputs) {
    const args = argumentsOf(parts.lookup, context.marker, input);
    asked.set(JSON.stringify(args), args);
  }
  let answer: LookupAnswer = { status: 'absent' };
  for (const args of asked.values()) {
    answer = await lookUp(parts, args, context);
    if (answer.status !== 'absent') return answer;
  }
  return answer;
}

function argumentsOf({ arguments: wanted }: DecidedLookup, marker: string, input: unknown) {
  const args = Object.entries(wanted).flatMap(([name, text]) => {
    const value = argumentOf(text, marker, input);
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(args);
}

async function lookUp(
  { lookup, upstream, resultOf }: LookupParts,
  args: Readonly<Record<string, unknown>>,
  { marker, signal }: LookupContext,
): Promise<LookupAnswer> {
  const call = {
    name: lookup.tool,
    arguments: args,
    purpose: 'lookup',
    keyed: false,
    errors: 'keep',
    signal,
  } as const;
  const answer = await upstream.send(call);
  if (!isMcpResult(answer)) return unclear('the lookup returned no tool result');
  if (answer.isError === true) return unclear('the lookup returned an error');
  const found = itemsOf(answer, lookup);
  if (found === undefined) return unclear('the lookup returned no list at the configured place');
  const item = found.find((each) => valueAt(each, lookup.marker.field) === marker);
  return item === undefined ? { status: 'absent' } : { status: 'found', result: resultOf(item) };
}

function argumentOf(text: string, marker: string, input: unknown): unknown {
  if (text === '$marker') return marker;
  return text.startsWith('$') && text.length > 1 ? valueAt(input, [text.slice(1)]) : text;
}

/** Finds the list in the structured content, or in the first text with JSON. A single object counts as a list of one. */
function itemsOf(answer: Readonly<Record<string, unknown>>, { items }: DecidedLookup): readonly unknown[] | undefined {
  const texts = Array.isArray(answer.content) ? answer.content.map((each: { text?: unknown }) => each?.text) : [];
  const values = answer.structuredContent === undefined ? texts.map(jsonOf) : [answer.structuredContent];
  for (const value of values) {
    const found = value === undefined ? undefined : valueAt(value, items);
    if (Array.isArray(found)) return found;
    if (typeof found === 'object' && found !== null) return [found];
  }
  return undefined;
}

function jsonOf(text: unknown): unknown {
  if (typeof text !== 'string') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unclear(reason: string): LookupAnswer {
  return { status: 'unclear', reason };
}
