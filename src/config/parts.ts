import { z } from 'zod';
import { pointerFault } from '../core/key/pointers.ts';

/** A text that is not empty. */
export const text = z.string().min(1).max(4_096);

/** The class of a tool. */
export const toolClass = z.enum(['create', 'state', 'repeatable', 'off']);

const recovery = z.enum(['resend', 'natural', 'reconcile', 'refuse']);

/** One recovery, or a list that is tried in order. */
export const recoveries = z.union([recovery, z.array(recovery).max(4)], {
  error: 'must be resend, natural, reconcile, refuse, or a list of them',
});

const argumentPointer = z
  .string()
  .max(1_000)
  .superRefine((pointer, context) => {
    const fault = pointerFault(pointer);
    if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
  });

/** JSON pointers of arguments that do not make two calls different operations. */
export const ignoredPointers = z
  .array(argumentPointer)
  .max(100)
  .describe(
    'The arguments that do not count when a repeat is recognised: JSON pointers such as /memo; * stands for each item of a list. They are still sent.',
  );

/** JSON pointers of the arguments that make two calls the same operation. */
export const identityPointers = z
  .array(argumentPointer)
  .min(1)
  .max(100)
  .describe(
    'The arguments that make two calls the same operation: JSON pointers such as /order/number; * stands for each item of a list. Calls that differ elsewhere are a conflict. Default: as the tool declares, or all arguments.',
  );

/** What happens to arguments that a strict schema does not declare. */
export const undeclaredRule = z
  .enum(['refuse', 'drop', 'pass'])
  .describe(
    'Arguments that a strict schema does not declare: refuse the call, drop them and say so, or pass them on. refuse still drops an idempotency key, time or signature that a model made up. Default: pass for wrapped servers, else refuse.',
  );

/** The arguments of a lookup, and how it recognises the effect. */
export const lookupParts = {
  arguments: z
    .record(z.string(), z.string())
    .prefault({})
    .describe('Its arguments: a text, "$name" for an argument of the call, or "$marker".'),
  marker: z
    .strictObject({
      argument: text.describe('The argument of the call that carries the marker. The model does not see it.'),
      field: text.describe('The field of an item that holds the marker: a JSON pointer, or a name.'),
    })
    .describe('How the lookup recognises the effect of exactly this operation.'),
};
