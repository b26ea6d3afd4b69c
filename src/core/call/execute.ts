import { describeError, faultFields } from '../errors.ts';
import type { Claim } from '../ledger/claim.ts';
import { LeaseKeeper } from '../ledger/lease.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { abandoned } from '../ledger/state-table.ts';
import { emit } from '../observe/events.ts';
import type { Tool } from '../tool/types.ts';
import { openClient } from './bounded-run.ts';
import { clauseOf, describeForCaller } from './faults.ts';
import { recoverClaim, whenToAsk } from './recovery/recover.ts';
import { runAttempt } from './run-attempt.ts';
import { detached, type Executed, settle, settleLate } from './settle.ts';
import type { EngineParts, ToolCall } from './types.ts';

/**
 * Executes a claimed operation to its end and settles it.
 * @param call the call that claimed it. Its cancellation counts only before anything is dispatched.
 */
export function execute(engine: EngineParts, ledger: Ledger, tool: Tool, claim: Claim, call: ToolCall) {
  return detached(engine, async () => {
    const { key: operation, attempt } = claim.record;
    emit({ type: 'claimed', operation, tool: tool.name, attempt });
    const keeper = new LeaseKeeper(engine.clock, claim);
    try {
      const opened = await tryToOpen(engine, tool);
      await refresh(claim);
      const refused = whyNotSend(engine, claim, call.signal, opened);
      if (refused !== undefined) return await giveUp(engine, claim, refused);
      const first = await runAttempt(engine, tool, claim, opened.client, {
        natural: false,
        canAsk: call.questionChannel !== undefined,
        onLate: settleLate(engine, claim),
      });
      if (first.status.state !== 'unknown' || claim.lost) return await settle(engine, claim, first);
      if (first.cutOff) return await settle(engine, claim, first, whenToAsk(engine, ledger, tool, claim));
      return await recoverClaim(engine, ledger, tool, claim, first);
    } finally {
      keeper.stop();
    }
  });
}

type Opened = { readonly client: unknown; readonly error?: string };

async function tryToOpen(engine: EngineParts, tool: Tool): Promise<Opened> {
  try {
    return { client: await openClient(engine, tool) };
  } catch (error) {
    engine.log.warn(`${tool.name}: its client did not open: ${describeError(error)}`, faultFields(error));
    return { client: undefined, error: clauseOf(describeForCaller(error)) };
  }
}

/** Renews a lease that aged while the client opened, before anything is sent. */
async function refresh(claim: Claim): Promise<void> {
  if (!claim.fresh) await claim.renew().catch(() => false);
}

/** Returns why nothing may be dispatched, or undefined. Nothing is awaited between this check and the first request. */
function whyNotSend(engine: EngineParts, claim: Claim, signal: AbortSignal, opened: Opened): string | undefined {
  if (opened.error !== undefined) return opened.error;
  if (engine.closing.aborted) return 'the server is shutting down';
  if (signal.aborted) return 'the caller cancelled before anything was sent';
  if (!claim.fresh) return 'the lease could not be renewed in time';
  return undefined;
}

/** Settles a claim that ends before anything was dispatched. */
export async function giveUp(engine: EngineParts, claim: Claim, message: string): Promise<Executed> {
  const { record } = claim;
  const status = abandoned(record, message, engine.clock.wallMs());
  return settle(engine, claim, {
    status,
    steps: record.steps,
    mayHaveTakenEffect: record.mayHaveTakenEffect,
    cutOff: false,
  });
}
