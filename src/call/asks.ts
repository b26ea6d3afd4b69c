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
export class Asks {
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
    const { message, schema } = request;
    if (!namePattern.test(name)) throw new NotExecuted('the name of what is asked must be 1 to 64 of A-Z a-z 0-9 _ -');
    const given = this.#given.get(name);
    if (given && given.action !== 'accept') return { action: given.action };
    const parsed = given && schema.safeParse(given.content ?? {});
    if (parsed?.success) return { action: 'accept', content: parsed.data };
    const { $schema: _, ...shown } = z.toJSONSchema(schema, { io: 'input' });
    if (this.#open.size < requestsMax) this.#open.set(name, { message, schema: shown });
    throw new InputNeeded();
  }
}
