import { describeError } from '../errors.ts';
import type { Claim } from '../ledger/claim.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { abandoned } from '../ledger/state-table.ts';
import { emit } from '../observe/events.ts';
import type { Tool } from '../tool/types.ts';
import { LeaseKeeper } from './lease.ts';
import { openClient } from './open-client.ts';
import { recoverClaim } from './recover.ts';
import { runAttempt } from './run-attempt.ts';
import { detached, type Executed, late, settle } from './settle.ts';
import type { Engine, ToolCall } from './types.ts';

/**
 * Executes a claimed operation to its end and settles it, whatever becomes of the caller.
 * @param call whose it is: that it leaves counts only before anything is dispatched.
 */
export function execute(engine: Engine, ledger: Ledger, tool: Tool, claim: Claim, call: ToolCall) {
  return detached(engine, async () => {
    const { key: operation, attempt } = claim.record;
    emit({ type: 'claimed', operation, tool: tool.name, attempt });
    const keeper = new LeaseKeeper(engine, claim);
    try {
      const opened = await tryToOpen(engine, tool);
      await refresh(claim);
      const refused = whyNot(engine, claim, call.signal, opened);
      if (refused !== undefined) return await giveUp(engine, claim, refused);
      const first = await runAttempt(engine, tool, claim, opened.client, {
        natural: false,
        canAsk: call.questionChannel !== undefined,
        onLate: late(engine, claim),
      });
      if (first.status.state !== 'unknown' || first.cutOff || claim.lost) return await settle(engine, claim, first);
      return await recoverClaim(engine, ledger, tool, claim, first);
    } finally {
      keeper.stop();
    }
  });
}

type Opened = { readonly client: unknown; readonly error?: string };

async function tryToOpen(engine: Engine, tool: Tool): Promise<Opened> {
  try {
    return { client: await openClient(engine, tool) };
  } catch (error) {
    return { client: undefined, error: describeError(error) };
  }
}

/** Opening a client can take long: the lease is then renewed before anything is sent. */
async function refresh(claim: Claim): Promise<void> {
  if (!claim.fresh) await claim.renew().catch(() => false);
}

/** Why nothing may be dispatched; undefined when it may. From here to the first request nothing is awaited. */
function whyNot(engine: Engine, claim: Claim, signal: AbortSignal, opened: Opened): string | undefined {
  if (opened.error !== undefined) return opened.error;
  if (engine.closing.aborted) return 'the server is shutting down';
  if (signal.aborted) return 'the caller cancelled before anything was sent';
  if (!claim.fresh) return 'the lease could not be renewed in time';
  return undefined;
}

/** A claim that ends before anything was dispatched is settled as failed. */
export async function giveUp(engine: Engine, claim: Claim, message: string): Promise<Executed> {
  const { record } = claim;
  const status = abandoned(record, message, engine.clock.wallMs());
  return settle(engine, claim, {
    status,
    steps: record.steps,
    mayHaveTakenEffect: record.mayHaveTakenEffect,
    cutOff: false,
  });
}
