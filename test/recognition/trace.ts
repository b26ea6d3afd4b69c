import { z } from 'zod';

/** Where the tools of a trace come from. */
export const originNames = [
  'shipped',
  'own',
  'openapi',
  'wrapped stdio',
  'wrapped HTTP',
  'library',
  'library run',
  'killed',
] as const;
export type OriginName = (typeof originNames)[number];

/** What the caller means by a call. */
const meaning = z.discriminatedUnion('type', [
  /** An effect of its own. */
  z.strictObject({ type: z.literal('new') }),
  /** The effect of an earlier call, by its index among the calls of the trace. */
  z.strictObject({
    type: z.literal('repeat'),
    of: z.int().min(0),
    /** An honest "the outcome is unknown" is right as well: the process died, or the upstream gave no answer. */
    mayBeUnknown: z.boolean().optional(),
  }),
  /** The upstream refuses it: no effect, and the caller learns why. */
  z.strictObject({ type: z.literal('refused') }),
]);

const faults = z.enum(['none', 'lose_answer', 'reset', 'lost', 'rate_limited', 'declined', 'kill']);

/** `{ $id: 0 }` stands for the id of the effect of call 0. */
const call = z.strictObject({
  tool: z.string(),
  args: z.record(z.string(), z.unknown()),
  meta: z.record(z.string(), z.unknown()).optional(),
  caller: z.enum(['a', 'b']).optional(),
  fault: faults.optional(),
  means: meaning,
});

const step = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('call'), call }),
  /** Calls that are in flight at once. The first one reaches the server first. */
  z.strictObject({ type: z.literal('together'), calls: z.array(call).min(2) }),
  z.strictObject({ type: z.literal('wait'), seconds: z.number().positive() }),
  /** The client starts again, on the same ledger. */
  z.strictObject({ type: z.literal('reconnect') }),
]);

/** A labelled trace: what a client sends, and what it means by it. */
export const traceSchema = z.strictObject({
  id: z.string(),
  class: z.string(),
  origin: z.enum(originNames),
  /** The language of its free text. */
  lang: z.string().optional(),
  steps: z.array(step).min(1),
  /** How many effects are meant, at the upstream. */
  effects: z.int().min(0),
  /** Whether the model uses the next token of an answer at once, since it wants several. */
  usesNextToken: z.boolean().optional(),
  /** Whether the calls are different items of one list. */
  isBatch: z.boolean().optional(),
});

export type Trace = z.infer<typeof traceSchema>;
export type TraceStep = z.infer<typeof step>;
export type TraceCall = z.infer<typeof call>;
export type Meaning = z.infer<typeof meaning>;
export type CallFault = z.infer<typeof faults>;
