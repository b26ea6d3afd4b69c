import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { limits } from './limits.ts';

/** The requests that a rule strikes: `count` matching requests from the `nth` on. */
const match = z.strictObject({
  method: z.enum(['GET', 'POST', 'DELETE']).optional(),
  /** A prefix of the path, or a regular expression if it begins with ^. */
  path: z.string().min(1).max(200).refine(isPattern, 'is no valid regular expression').optional(),
  /** The first matching request it strikes, counted from 1. Default 1. */
  nth: z.number().int().min(1).max(1_000_000).optional(),
  /** How many requests it strikes. Default 1. */
  count: z.number().int().min(1).max(1_000_000).optional(),
});

/** Default `before_effect`. */
const when = z.enum(['before_effect', 'after_effect']).optional();

/** The body of `POST /_sandbox/faults`. */
export const faultRule = z.discriminatedUnion('fault', [
  /** Executes, then closes the connection before the response head (the default) or within its body. */
  z.strictObject({
    fault: z.literal('drop_answer'),
    match: match.optional(),
    cut: z.enum(['before_head', 'in_body']).optional(),
  }),
  /** Closes the connection before any effect. */
  z.strictObject({ fault: z.literal('refuse'), match: match.optional() }),
  z.strictObject({
    fault: z.literal('delay'),
    match: match.optional(),
    ms: z.number().int().min(0).max(limits.faultDelayMsMax),
    when,
  }),
  /** Waits for `POST /_sandbox/release`. While it waits before the effect, the key is in use. */
  z.strictObject({ fault: z.literal('hang'), match: match.optional(), when }),
  /** Executes and answers 500, saved under the key. */
  z.strictObject({ fault: z.literal('error_after_effect'), match: match.optional() }),
  /** Answers without an effect: 500 (the default, saved under the key) or 503 (not saved). */
  z.strictObject({
    fault: z.literal('error_before_effect'),
    match: match.optional(),
    status: z.union([z.literal(500), z.literal(503)]).optional(),
  }),
  /** Ignores keys, like an upstream that takes none: every repeat has another effect. */
  z.strictObject({ fault: z.literal('ignore_idempotency_keys'), match: match.optional() }),
  z.strictObject({ fault: z.literal('rate_limit'), match: match.optional() }),
  z.strictObject({ fault: z.literal('unauthorized'), match: match.optional() }),
]);

/** A fault and the requests that it strikes. */
export type FaultRule = z.input<typeof faultRule>;
export type FaultName = FaultRule['fault'];

interface ActiveRule {
  readonly id: string;
  readonly rule: FaultRule;
  seen: number;
  struck: number;
}

/** Ends a held request when its sandbox closes, without a further effect or an answer. */
export class SandboxClosed extends Error {}

/** The active rules of this process and the requests that they hold. */
export class Faults {
  readonly #rules: ActiveRule[] = [];
  readonly #held = new Set<{ ruleId: string; resolve: () => void; reject: (error: Error) => void }>();
  readonly #closing = new AbortController();
  #made = 0;

  constructor(rules: readonly FaultRule[]) {
    for (const rule of rules) this.add(rule);
  }

  /** @returns the rule's id, or undefined at the limit of rules. */
  add(rule: FaultRule): string | undefined {
    if (this.#rules.length >= limits.faultRulesMax) return undefined;
    this.#made += 1;
    const id = `fault_${this.#made}`;
    this.#rules.push({ id, rule: faultRule.parse(rule), seen: 0, struck: 0 });
    return id;
  }

  list(): { id: string; rule: FaultRule; seen: number; struck: number; held: number }[] {
    return this.#rules.map((active) => ({
      ...active,
      held: [...this.#held].filter((held) => held.ruleId === active.id).length,
    }));
  }

  /** Removes all rules. Held requests stay held until they are released. */
  clear(): void {
    this.#rules.length = 0;
  }

  /** Returns the first matching rule that is due, and counts the request for every matching rule. */
  take(method: string, path: string): { id: string; rule: FaultRule } | undefined {
    let taken: ActiveRule | undefined;
    for (const active of this.#rules) {
      const wanted = active.rule.match;
      if (wanted?.method !== undefined && wanted.method !== method) continue;
      if (wanted?.path !== undefined && !pathMatches(wanted.path, path)) continue;
      active.seen += 1;
      const nth = wanted?.nth ?? 1;
      const isDue = active.seen >= nth && active.struck < (wanted?.count ?? 1);
      if (taken === undefined && isDue) taken = active;
    }
    if (taken === undefined) return undefined;
    taken.struck += 1;
    return { id: taken.id, rule: taken.rule };
  }

  /** @throws SandboxClosed when the sandbox closes meanwhile. */
  async delay(ms: number): Promise<void> {
    try {
      await sleep(ms, undefined, { signal: this.#closing.signal });
    } catch {
      throw new SandboxClosed();
    }
  }

  /** Resolves on release. @throws SandboxClosed when the sandbox closes, or at the limit of held requests. */
  async hold(ruleId: string): Promise<void> {
    if (this.#closing.signal.aborted || this.#held.size >= limits.heldMax) throw new SandboxClosed();
    await new Promise<void>((resolve, reject) => {
      this.#held.add({ ruleId, resolve, reject });
    });
  }

  /** Releases the requests that one rule, or any rule, holds, and returns how many. */
  release(ruleId?: string): number {
    const going = [...this.#held].filter((held) => ruleId === undefined || held.ruleId === ruleId);
    for (const held of going) {
      this.#held.delete(held);
      held.resolve();
    }
    return going.length;
  }

  /** Ends every delay and hold. */
  close(): void {
    this.#closing.abort();
    for (const held of this.#held) held.reject(new SandboxClosed());
    this.#held.clear();
  }
}

/** Matches a prefix, or a regular expression if the pattern begins with ^. */
export function pathMatches(pattern: string, path: string): boolean {
  return pattern.startsWith('^') ? new RegExp(pattern).test(path) : path.startsWith(pattern);
}

function isPattern(pattern: string): boolean {
  if (!pattern.startsWith('^')) return true;
  try {
    new RegExp(pattern);
    return true;
  } catch {
    return false;
  }
}
