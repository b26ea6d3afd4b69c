import type { Ratio } from './measure.ts';

/** The target of a figure. The report says whether the figure meets it. Nothing is asserted. */
export interface Target {
  readonly atMost?: number;
  readonly atLeast?: number;
}

export interface Figure {
  readonly bench: string;
  readonly name: string;
  readonly shown: string;
  readonly target: string;
  /** Undefined without a target. */
  readonly reached: boolean | undefined;
}

/** The environment of one bench. */
export interface BenchContext {
  readonly quick: boolean;
  /** A Redis that the run started, or REDIS_URL. */
  readonly redisUrl: string;
  /** An empty folder that is removed after the bench. */
  readonly folder: string;
  readonly report: Report;
}

/** Prints figures as they arrive and keeps them for the final table. */
export class Report {
  readonly figures: Figure[] = [];
  readonly #bench: string;

  constructor(bench: string) {
    this.#bench = bench;
  }

  /** Prints a ratio of two sides with its spread over the blocks, and the raw figures below. */
  ratio(name: string, ratio: Ratio, raw: readonly string[], target: Target = {}): void {
    const shown = `${ratio.median.toFixed(2)} x (p10 ${ratio.p10.toFixed(2)}, p90 ${ratio.p90.toFixed(2)})`;
    this.#add(name, ratio.median, shown, 'x', target);
    for (const line of raw) this.note(line);
  }

  value(name: string, value: number, unit: string, target: Target = {}): void {
    this.#add(name, value, `${short(value)} ${unit}`, unit, target);
  }

  note(line: string): void {
    print(`      ${line}`);
  }

  #add(name: string, value: number, shown: string, unit: string, target: Target): void {
    const wanted = targetText(target, unit);
    const reached = wanted === '' ? undefined : isReached(value, target);
    const verdict = reached === undefined ? '' : `   target ${wanted}: ${reached ? 'reached' : 'MISSED'}`;
    print(`  ${name.padEnd(58)} ${shown}${verdict}`);
    this.figures.push({ bench: this.#bench, name, shown, target: wanted, reached });
  }
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Returns all figures with a target, one per line. */
export function printTable(figures: readonly Figure[]): void {
  const rows = figures.filter(({ reached }) => reached !== undefined);
  if (rows.length === 0) return;
  print('\n== Targets');
  for (const { bench, name, shown, target, reached } of rows) {
    print(`  ${reached ? 'reached' : 'MISSED '}  ${`${bench}: ${name}`.padEnd(70)} ${shown.padEnd(34)} ${target}`);
  }
}

export function microseconds(value: number): string {
  return `${value.toFixed(value < 100 ? 1 : 0)} µs`;
}

export function rate(perSecond: number): string {
  return `${Math.round(perSecond).toLocaleString('en-US')}/s`;
}

function isReached(value: number, { atMost, atLeast }: Target): boolean {
  return (atMost === undefined || value <= atMost) && (atLeast === undefined || value >= atLeast);
}

function targetText({ atMost, atLeast }: Target, unit: string): string {
  const parts = [
    ...(atMost === undefined ? [] : [`<= ${atMost} ${unit}`]),
    ...(atLeast === undefined ? [] : [`>= ${atLeast} ${unit}`]),
  ];
  return parts.join(', ');
}

function short(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString('en-US') : value.toFixed(2);
}
