import { readdirSync, readFileSync } from 'node:fs';

/** The times of the calls in one block of one side. */
export interface Block {
  readonly p50Us: number;
  readonly perSecond: number;
  /** CPU time of the measured process for each call. Other load changes it less than the time that a client waits. */
  readonly cpuUs: number;
}

/** Compares the blocks of two sides: the median of the ratios, block by block, and their spread. */
export interface Ratio {
  readonly median: number;
  readonly p10: number;
  readonly p90: number;
}

/** How many warm-up rounds precede the measured rounds. */
const warmUpRounds = 2;

/**
 * Times one block of `calls` calls, `concurrency` at a time. A call may be synchronous.
 * @param pid the process whose CPU time counts (Linux); this one if left out.
 */
export async function block(concurrency: number, calls: number, call: () => unknown, pid?: number): Promise<Block> {
  const latenciesMs = new Float64Array(calls);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < calls) {
      const index = next;
      next += 1;
      const startedMs = performance.now();
      await call();
      latenciesMs[index] = performance.now() - startedMs;
    }
  };
  const cpuBeforeUs = cpuTimeUs(pid);
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: concurrency }, worker));
  const tookMs = performance.now() - startedMs;
  const cpuUs = (cpuTimeUs(pid) - cpuBeforeUs) / calls;
  return { p50Us: percentile([...latenciesMs], 50) * 1_000, perSecond: (calls / tookMs) * 1_000, cpuUs };
}

/** Returns the CPU time that a process has used (of another process on Linux only); NaN where nothing tells. */
export function cpuTimeUs(pid?: number): number {
  if (pid === undefined) {
    const { user, system } = process.cpuUsage();
    return user + system;
  }
  try {
    // The first field is the time on a core in ns. /proc/PID/stat counts in steps of 10 ms, which are 5 % of a block.
    const threads = readdirSync(`/proc/${pid}/task`);
    const ns = threads.map((id) => Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'utf8').split(' ')[0]));
    return ns.reduce((sum, each) => sum + each, 0) / 1_000;
  } catch {
    return Number.NaN;
  }
}

/**
 * Runs one block of every side in each round, alternating A B, B A, A B, so that other load and effects of earlier
 * blocks affect all sides equally.
 */
export async function alternate<Name extends string>(
  rounds: number,
  sides: Readonly<Record<Name, () => Promise<Block>>>,
): Promise<Record<Name, Block[]>> {
  const names = Object.keys(sides) as Name[];
  const blocks = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, Block[]>;
  for (let round = 0; round < rounds + warmUpRounds; round += 1) {
    for (const name of round % 2 === 0 ? names : [...names].reverse()) {
      const measured = await sides[name]();
      if (round >= warmUpRounds) blocks[name].push(measured);
    }
  }
  return blocks;
}

/** Compares `ours` with `theirs`, block by block of the same round. */
export function ratioOf(ours: readonly Block[], theirs: readonly Block[], of: keyof Block = 'p50Us'): Ratio {
  return spread(ours.map((each, round) => each[of] / (theirs[round]?.[of] ?? Number.NaN)));
}

export function spread(values: readonly number[]): Ratio {
  return { median: percentile(values, 50), p10: percentile(values, 10), p90: percentile(values, 90) };
}

/** Returns the median over a side's blocks. */
export function typical(blocks: readonly Block[], of: keyof Block): number {
  return percentile(
    blocks.map((each) => each[of]),
    50,
  );
}

export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = ((sorted.length - 1) * percent) / 100;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}
