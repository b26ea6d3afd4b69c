import type { Clock, MachineTime } from '../clock.ts';
import type { OperationRecord } from './record.ts';
import type { Store } from './stores/store.ts';

type MachineMarks = NonNullable<OperationRecord['machine']>;
/** The event whose time a write sets to now: a new attempt, a request that is sent again, or only the write. */
type Moment = 'started' | 'ran' | 'written';

/**
 * Measures the time since an event in a record. The wall clocks of the processes need not agree. All processes of a shared
 * store use the store's clock. Processes of a store on one machine use the machine's clock, whose readings the records
 * contain.
 */
export class RecordTime {
  readonly #clock: Clock;
  readonly #isShared: boolean;

  constructor(clock: Clock, { shared }: Pick<Store, 'shared'>) {
    this.#clock = clock;
    this.#isShared = shared;
  }

  /**
   * Returns the present time by the clock that wrote a record, in ms since the epoch. Times in the record are compared with
   * it, and not with the wall clock of this process, which may be set differently.
   */
  nowFor({ machine, renewedAt }: Pick<OperationRecord, 'machine' | 'renewedAt'>): number {
    const now = this.#sameBoot(machine);
    return now === undefined || machine === undefined ? this.#clock.wallMs() : renewedAt + (now.ms - machine.atMs);
  }

  /** Returns the time that has certainly passed since `ranAt`, in ms. */
  ranForMs({ machine, ranAt }: OperationRecord): number {
    if (this.#isShared || machine === undefined) return 0;
    return this.#leastMs(machine, machine.ranMs, ranAt);
  }

  /** Returns the time that has certainly passed since the last renewal, in ms. */
  renewedForMs({ machine, renewedAt }: OperationRecord): number {
    if (this.#isShared) return this.#clock.wallMs() - renewedAt;
    return machine === undefined ? 0 : this.#leastMs(machine, machine.atMs, renewedAt);
  }

  /** Returns the longest time that may have passed since `startedAt`, in ms. */
  startedForMs({ machine, startedAt }: OperationRecord): number {
    const wallMs = this.#clock.wallMs() - startedAt;
    const now = this.#sameBoot(machine);
    return now === undefined || machine === undefined ? wallMs : Math.max(wallMs, now.ms - machine.startedMs);
  }

  /** Returns the readings of the machine's clock for a record that is written now. */
  marks(moment: Moment, before?: MachineMarks | undefined): MachineMarks | undefined {
    const now = this.#isShared ? undefined : this.#clock.machine?.();
    if (now === undefined) return undefined;
    const { boot, ms } = now;
    const known = before?.boot === boot && before.atMs <= ms ? before : undefined;
    return {
      boot,
      startedMs: moment === 'started' ? ms : (known?.startedMs ?? ms),
      ranMs: moment === 'written' ? (known?.ranMs ?? ms) : ms,
      atMs: ms,
    };
  }

  /** Without an identity of the boot, the machine may have started again: then the time since is longer than it seems. */
  #leastMs({ boot }: MachineMarks, markMs: number, wallAt: number): number {
    const now = this.#clock.machine?.();
    if (now?.boot !== boot) return 0;
    const sinceMs = now.ms - markMs;
    return boot === '' ? Math.min(sinceMs, this.#clock.wallMs() - wallAt) : sinceMs;
  }

  #sameBoot(machine: MachineMarks | undefined): MachineTime | undefined {
    if (this.#isShared || machine === undefined || machine.boot === '') return undefined;
    const now = this.#clock.machine?.();
    return now?.boot === machine.boot ? now : undefined;
  }
}
