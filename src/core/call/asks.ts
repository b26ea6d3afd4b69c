import { z } from 'zod';
import { NotExecuted } from '../errors.ts';
import type { OperationRecord, Reply } from '../ledger/record.ts';
import type { AskReply, AskRequest } from '../tool/types.ts';
import type { InputRequest } from './types.ts';

const namePattern = /^[\w-]{1,64}$/;
/** How many requests one question may hold: what is more is asked when these are answered. */
const requestsMax = 20;

/** Ends a run that asks what nobody has answered yet. It begins anew with the answer. */
export class InputNeeded extends Error {
  constructor() {
    super('it asks for input, which has to be answered first');
    this.name = 'InputNeeded';
  }
}

/** What one run asks, and what was answered before it began. */
export class RunQuestions {
  readonly #given = new Map<string, Reply>();
  readonly #open = new Map<string, InputRequest>();

  constructor(record: Pick<OperationRecord, 'inputs'>) {
    for (const { responses = {} } of record.inputs ?? []) {
      for (const [name, reply] of Object.entries(responses)) this.#given.set(name, reply);
    }
  }

  /** What has to be answered before the operation goes on; undefined when nothing has. */
  get open(): Readonly<Record<string, InputRequest>> | undefined {
    return this.#open.size === 0 ? undefined : Object.fromEntries(this.#open);
  }

  /**
   * The answer, where there is one that is as asked for.
   * @throws InputNeeded where there is none; NotExecuted for a request that cannot be put.
   */
  answer<Content extends z.ZodObject>(name: string, request: AskRequest<Content>): AskReply<z.infer<Content>> {
    const asked = checked(name, request);
    const { schema } = request;
    const given = this.#given.get(name);
    if (given && given.action !== 'accept') return { action: given.action };
    const parsed = given && schema.safeParse(given.content ?? {});
    if (parsed?.success) return { action: 'accept', content: parsed.data };
    if (this.#open.size < requestsMax)
      this.#open.set(name, parsed ? { ...asked, message: anew(asked, parsed) } : asked);
    throw new InputNeeded();
  }
}

/** @throws NotExecuted for what no client could put to a person */
function checked(name: string, request: AskRequest<z.ZodObject> | undefined): InputRequest {
  const refuse = (why: string): never => {
    throw new NotExecuted(`ask(name, { message, schema }): ${why}`);
  };
  if (typeof name !== 'string' || !namePattern.test(name)) refuse('the name must be 1 to 64 of A-Z a-z 0-9 _ -');
  const { message, schema } = request ?? {};
  if (typeof message !== 'string' || message === '') return refuse(`"${name}" has no message for the person`);
  if (schema?._zod?.def?.type !== 'object') return refuse(`the schema of "${name}" must be a z.object of zod 4`);
  const { $schema: _, ...shown } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  const nested = Object.entries(shown.properties ?? {}).find(([, property]) => !isField(property));
  if (nested) {
    refuse(`"${nested[0]}" of "${name}" must be a text, a number, yes or no, or a choice of texts: forms are flat`);
  }
  return { message, schema: shown };
}

/** Whether a form has a field for it (MCP, elicitation, `PrimitiveSchemaDefinition`). */
function isField(property: unknown): boolean {
  const { type, items } = property as { type?: unknown; items?: { enum?: unknown; anyOf?: unknown } };
  if (type === 'array') return Array.isArray(items?.enum) || Array.isArray(items?.anyOf);
  return type === 'string' || type === 'number' || type === 'integer' || type === 'boolean';
}

/** Whoever answered something else is told what was not right. */
function anew({ message }: InputRequest, { error }: { readonly error: z.ZodError }): string {
  const issues = error.issues.slice(0, 5).map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  return `${message} (What was answered is not as it has to be: ${issues.join('; ')}.)`;
}
