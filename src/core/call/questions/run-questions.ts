import { z } from 'zod';
import { NotExecuted } from '../../errors.ts';
import type { OperationRecord, Reply } from '../../ledger/record.ts';
import { issueText } from '../../schema/issue-text.ts';
import type { AskReply, AskRequest } from '../../tool/types.ts';
import type { InputRequest } from '../outcome.ts';

const namePattern = /^[\w-]{1,64}$/;
/** How many requests one question may hold. Further requests wait for the replies to these. */
const requestsMax = 20;

/** Ends a run that needs a reply. The run starts again when the reply has come. */
export class InputNeeded extends Error {
  constructor() {
    super('it asks for input, which has to be answered first');
    this.name = 'InputNeeded';
  }
}

/** Holds the requests of one run, and the replies that came before it began. */
export class RunQuestions {
  readonly #given = new Map<string, Reply>();
  readonly #open = new Map<string, InputRequest>();

  constructor(record: Pick<OperationRecord, 'inputs'>) {
    for (const { responses = {} } of record.inputs ?? []) {
      for (const [name, reply] of Object.entries(responses)) this.#given.set(name, reply);
    }
  }

  /** The requests without a valid reply; undefined if all have one. */
  get open(): Readonly<Record<string, InputRequest>> | undefined {
    return this.#open.size === 0 ? undefined : Object.fromEntries(this.#open);
  }

  /**
   * Returns the reply to a request.
   * @throws InputNeeded without a valid reply
   * @throws NotExecuted when the request cannot be put to a person
   */
  answer<Content extends z.ZodObject>(name: string, request: AskRequest<Content>): AskReply<z.infer<Content>> {
    const asked = checked(name, request);
    const { schema } = request;
    const given = this.#given.get(name);
    if (given && given.action !== 'accept') return { action: given.action };
    const parsed = given && schema.safeParse(given.content ?? {});
    if (parsed?.success) return { action: 'accept', content: parsed.data };
    if (this.#open.size < requestsMax) {
      this.#open.set(name, parsed ? { ...asked, message: messageWithIssues(asked, parsed.error) } : asked);
    }
    throw new InputNeeded();
  }
}

/** @throws NotExecuted when no client could put the request to a person */
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
    refuse(`"${nested[0]}" of "${name}" must be a string, a number, a boolean or a choice of strings: forms are flat`);
  }
  return { message, schema: shown };
}

/** Whether a form has a field for the property (MCP, elicitation, `PrimitiveSchemaDefinition`). */
function isField(property: unknown): boolean {
  const { type, items } = property as { type?: unknown; items?: { enum?: unknown; anyOf?: unknown } };
  if (type === 'array') return Array.isArray(items?.enum) || Array.isArray(items?.anyOf);
  return type === 'string' || type === 'number' || type === 'integer' || type === 'boolean';
}

function messageWithIssues({ message }: InputRequest, error: z.ZodError): string {
  const issues = error.issues.slice(0, 5).map((issue) => `${issue.path.join('.') || 'it'} ${issueText(issue)}`);
  return `${message} (The previous reply was not valid: ${issues.join('; ')}.)`;
}
