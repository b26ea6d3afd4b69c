import { messageOf } from '../core/call/messages.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/observe/log.ts';
import type { ToolService } from '../server/tool-requests.ts';

/** How often the same is told, in ms: refusals cost whoever sends them nothing. */
const everyMs = 10_000;
/** How many different refusals are told apart. */
const kindsMax = 1_000;

/** Why something was refused: fixed text. Whose it was, as far as that is known. */
export interface RefusalEntry {
  readonly status?: number;
  readonly why: string;
  readonly tenant?: string;
  readonly subject?: string;
  /** One that exists. */
  readonly tool?: string;
}

/** Tells the operator who is refused, and why: each kind at once, and then seldom, with how many were not told. */
export class RefusalLog {
  readonly #log: Pick<Log, 'info' | 'warn'>;
  readonly #clock: Clock;
  readonly #kinds = new Map<string, { toldAtMs: number; untold: number }>();

  constructor(log: Pick<Log, 'info' | 'warn'>, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** @param peer from which address it came; not told apart by it */
  logRefusal(refused: RefusalEntry, peer?: string): void {
    this.#tell('info', 'http: refused', refused, peer);
  }

  /** Something of the server's own is not as it has to be, which its callers are told without the reason. */
  logFault(fault: RefusalEntry): void {
    this.#tell('warn', 'http: a call could not be served', fault);
  }

  #tell(level: 'info' | 'warn', message: string, fields: RefusalEntry, peer?: string): void {
    const name = JSON.stringify([message, fields]);
    const nowMs = this.#clock.monotonicMs();
    const kind = this.#kinds.get(name);
    if (kind && nowMs - kind.toldAtMs < everyMs) {
      kind.untold += 1;
      return;
    }
    if (!kind && this.#kinds.size >= kindsMax) this.#kinds.clear();
    this.#kinds.set(name, { toldAtMs: nowMs, untold: 0 });
    const untold = kind && kind.untold > 0 ? { untold: kind.untold } : {};
    this.#log[level](message, { ...fields, ...(peer === undefined ? {} : { peer }), ...untold });
  }
}

/**
 * Keeps the detail of a ledger fault from callers, which are on other machines here. Writes it to the operator's log: it
 * may say where the ledger is.
 */
export function keepLedgerDetails(service: ToolService, refusals: RefusalLog): ToolService {
  const handle: ToolService['handle'] = async (call) => {
    const outcome = await service.handle(call);
    if (outcome.type !== 'refusal' || outcome.ledgerDetail === undefined) return outcome;
    const { tenant, subject } = call.scope;
    refusals.logFault({ why: messageOf(outcome), tenant, subject, tool: call.tool });
    const { ledgerDetail: _, ...shown } = outcome;
    return shown;
  };
  return { ...service, handle };
}
