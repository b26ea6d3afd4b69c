import { refusal } from '../core/call/outcome.ts';
import type { QuestionChannel, ToolCall } from '../core/call/types.ts';
import type { ToolService } from '../server/tool-requests.ts';
import type { LimitReached, Limits } from './access/limits.ts';

const retryAfterMs = 1_000;

/** How much a caller may have under way, whether it is still there or not. */
export interface CallSlotLimits {
  /** What executes. */
  readonly executions: Limits;
  /** What waits for a person, which may take an hour. */
  readonly questions: Limits;
}

/**
 * Counts a call until all that it executes has ended: who leaves before the answer does not get its place back
 * while the operation goes on. One that waits for a person has a place of another kind meanwhile, so that no number
 * of questions keeps a subject, or its tenant, from executing anything.
 */
export function withCallSlots(service: ToolService, limits: CallSlotLimits): ToolService {
  return {
    ...service,
    handle: async (call) => {
      const place = new CallSlot(call.scope, limits);
      const refused = place.enter();
      if (refused) {
        return refusal(call.tool, { type: 'too_many_calls', holder: refused.holder }, { retryAfterMs });
      }
      const running: Promise<unknown>[] = [];
      const { questionChannel } = call;
      const held = questionChannel?.type === 'direct' ? { questionChannel: place.counted(questionChannel) } : {};
      try {
        return await service.handle({ ...call, ...held, onExecution: (each) => void running.push(each) });
      } finally {
        // A replay executes nothing.
        if (running.length === 0) place.leave();
        else void Promise.allSettled(running).then(() => place.leave());
      }
    },
  };
}

class CallSlot {
  readonly #scope: ToolCall['scope'];
  readonly #limits: CallSlotLimits;
  #questions = 0;
  #hasLeft = false;
  #release = (): void => undefined;

  constructor(scope: ToolCall['scope'], limits: CallSlotLimits) {
    this.#scope = scope;
    this.#limits = limits;
  }

  enter(): LimitReached | undefined {
    return this.#move(this.#limits.executions);
  }

  leave(): void {
    this.#hasLeft = true;
    this.#release();
  }

  /** Whoever finds no place is as one who was asked and did not answer: nothing is executed, and the call may come again. */
  counted({ ask }: Extract<QuestionChannel, { type: 'direct' }>): QuestionChannel {
    return {
      type: 'direct',
      ask: async (request, signal) => {
        if (this.#questions === 0) this.#moveOrThrow(this.#limits.questions);
        this.#questions += 1;
        try {
          return await ask(request, signal);
        } finally {
          this.#questions -= 1;
          // A caller may leave while it is asked, and be told of it only later.
          if (this.#questions === 0 && !this.#hasLeft) this.#moveOrThrow(this.#limits.executions);
        }
      },
    };
  }

  #moveOrThrow(limits: Limits): void {
    const refused = this.#move(limits);
    if (refused) throw new Error(refused.message);
  }

  #move(limits: Limits): LimitReached | undefined {
    const entry = limits.enter(this.#scope);
    if (entry.type === 'refused') return entry;
    this.#release();
    this.#release = entry.release;
    return undefined;
  }
}
