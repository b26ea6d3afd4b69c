import { BoundedMap } from '../core/bounded-map.ts';
import { refusalMessage } from '../core/call/messages.ts';
import type { Clock } from '../core/clock.ts';
import { defined } from '../core/json.ts';
import type { Log } from '../core/observe/log.ts';
import type { ToolService } from '../server/tool-requests.ts';

/** How often one kind is logged, in ms. Sending refused requests costs a caller nothing, so the log needs a bound. */
const everyMs = 10_000;
/** How many kinds are counted. */
const kindsMax = 1_000;

/** Why a request was refused, and whose it was as far as that is known. */
export interface RefusalEntry {
  readonly status?: number | undefined;
  /** A fixed text: it quotes nothing that a caller sent. */
  readonly why: string;
  readonly tenant?: string | undefined;
  readonly subject?: string | undefined;
  /** The name of an existing tool. */
  readonly tool?: string | undefined;
}

/** Logs refusals for the operator: each kind at once, and then rarely, with the number of entries left out. */
export class RefusalLog {
  readonly #log: Pick<Log, 'info' | 'warn'>;
  readonly #clock: Clock;
  readonly #kinds = new BoundedMap<string, { readonly loggedAtMs: number; untold: number }>(kindsMax);

  constructor(log: Pick<Log, 'info' | 'warn'>, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** @param peer the caller's address, which does not make another kind */
  logRefusal(refused: RefusalEntry, peer?: string): void {
    this.#write('info', 'http: refused', refused, peer);
  }

  /** Logs a fault of the server, whose reason its callers do not get. */
  logFault(fault: RefusalEntry): void {
    this.#write('warn', 'http: a call could not be served', fault);
  }

  #write(level: 'info' | 'warn', message: string, entry: RefusalEntry, peer?: string): void {
    const fields = defined(entry);
    const name = JSON.stringify([message, fields]);
    const nowMs = this.#clock.monotonicMs();
    const kind = this.#kinds.get(name);
    if (kind && nowMs - kind.loggedAtMs < everyMs) {
      kind.untold += 1;
      return;
    }
    this.#kinds.set(name, { loggedAtMs: nowMs, untold: 0 });
    const untold = kind && kind.untold > 0 ? kind.untold : undefined;
    this.#log[level](message, { ...fields, ...defined({ peer, untold }) });
  }
}

/**
 * Removes the detail of a ledger fault, and the command for an unknown outcome, from answers, because callers are on other
 * machines here and the text may show where the ledger is. Writes it to the operator's log.
 */
export function keepLedgerDetails(service: ToolService, refusals: RefusalLog): ToolService {
  const handle: ToolService['handle'] = async (call, tools) => {
    const outcome = await service.handle(call, tools);
    if (outcome.type !== 'refusal') return outcome;
    if (outcome.ledgerDetail === undefined && outcome.operator === undefined) return outcome;
    const { tenant, subject } = call.scope;
    refusals.logFault({ why: refusalMessage(outcome), tenant, subject, tool: call.tool });
    const { ledgerDetail: _, operator, ...shown } = outcome;
    return operator === 'memory' ? { ...shown, operator } : shown;
  };
  return { ...service, handle };
}
