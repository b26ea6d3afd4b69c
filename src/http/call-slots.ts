import { refusal } from '../core/call/outcome.ts';
import type { QuestionChannel, ToolCall } from '../core/call/types.ts';
import type { ToolService } from '../server/tool-requests.ts';
import type { LimitReached, Limits } from './access/limits.ts';

const retryAfterMs = 1_000;

/** How many executions and questions may be in flight. They count until they end, also when their caller has gone. */
export interface CallSlotLimits {
  readonly executions: Limits;
  /** Calls that wait for a person, which may take an hour. */
  readonly questions: Limits;
}

/**
 * Bounds how many calls execute. A call keeps its slot until everything that it executes has ended, also when its
 * caller has gone. While a call waits for a person it has a slot of another kind, so that open questions never keep
 * a subject, or its tenant, from executing calls.
 */
export function withCallSlots(service: ToolService, limits: CallSlotLimits): ToolService {
  return {
    ...service,
    handle: async (call, tools) => {
      const slot = new CallSlot(call.scope, limits);
      const refused = slot.enter();
      if (refused) {
        return refusal(call.tool, { type: 'too_many_calls', holder: refused.holder }, { retryAfterMs });
      }
      const running: Promise<unknown>[] = [];
      const { questionChannel } = call;
      const held = questionChannel?.type === 'direct' ? { questionChannel: slot.counted(questionChannel) } : {};
      try {
        return await service.handle({ ...call, ...held, onExecution: (each) => void running.push(each) }, tools);
      } finally {
        // A replay executes nothing.
        if (running.length === 0) slot.leave();
        else void Promise.allSettled(running).then(() => slot.leave());
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

  /**
   * Gives the call a question slot while it waits for a person. Where no slot is free the question counts as
   * unanswered: nothing is executed, and the caller may call again.
   */
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
          // The caller may have left meanwhile, with the slot already released.
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
