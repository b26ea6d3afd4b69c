import type { Verdict } from './run-trace.ts';

/** The sums over some verdicts. */
export interface Totals {
  traces: number;
  calls: number;
  doubles: number;
  swallowed: number;
  repeats: number;
  answered: number;
  refused: number;
  asked: number;
  unknown: number;
  extra: number;
  deadEnds: number;
  items: number;
  askedItems: number;
}

export interface Limit {
  readonly name: string;
  readonly wanted: string;
  readonly found: string;
  readonly holds: boolean;
}

const counted = [
  'calls',
  'doubles',
  'swallowed',
  'repeats',
  'answered',
  'refused',
  'asked',
  'unknown',
  'extra',
  'deadEnds',
  'items',
  'askedItems',
] as const;

export function totalsOf(verdicts: readonly Verdict[]): Totals {
  const totals: Totals = { traces: verdicts.length, ...Object.fromEntries(counted.map((name) => [name, 0])) } as never;
  for (const verdict of verdicts) for (const name of counted) totals[name] += verdict[name];
  return totals;
}

/** Returns the totals by class and origin, in the order of their first trace. */
export function rowsOf(verdicts: readonly Verdict[]): readonly { name: string; origin: string; totals: Totals }[] {
  const groups = new Map<string, Verdict[]>();
  for (const verdict of verdicts) {
    const name = `${verdict.trace.class}|${verdict.trace.origin}`;
    groups.set(name, [...(groups.get(name) ?? []), verdict]);
  }
  return [...groups].map(([name, group]) => {
    const [traceClass = '', origin = ''] = name.split('|');
    return { name: traceClass, origin, totals: totalsOf(group) };
  });
}

const percent = (part: number, whole: number): string => (whole === 0 ? '-' : `${((100 * part) / whole).toFixed(1)} %`);

export function limitsOf(totals: Totals): Limit[] {
  const { doubles, swallowed, deadEnds, repeats, answered, items, askedItems } = totals;
  return [
    { name: 'double effects', wanted: '0', found: String(doubles), holds: doubles === 0 },
    {
      name: 'repeats answered with the first result',
      wanted: 'at least 99 %',
      found: `${percent(answered, repeats)} of ${repeats}`,
      holds: answered >= 0.99 * repeats,
    },
    {
      name: 'meant calls swallowed without a visible note',
      wanted: '0',
      found: String(swallowed),
      holds: swallowed === 0,
    },
    {
      name: 'meant effects out of reach of one more call',
      wanted: '0',
      found: String(deadEnds),
      holds: deadEnds === 0,
    },
    {
      name: 'different items of a batch that were asked about',
      wanted: 'at most 2 %',
      found: `${percent(askedItems, items)} of ${items}`,
      holds: askedItems <= 0.02 * items,
    },
  ];
}

const columns = [
  ['traces', 'traces'],
  ['calls', 'calls'],
  ['double', 'doubles'],
  ['swallowed', 'swallowed'],
  ['repeats', 'repeats'],
  ['answered', 'answered'],
  ['by asking', 'asked'],
  ['refused', 'refused'],
  ['unknown', 'unknown'],
  ['one more call', 'extra'],
  ['dead ends', 'deadEnds'],
  ['items asked', 'askedItems'],
] as const;

/** Renders a table for a terminal or a Markdown page. */
export function tableOf(verdicts: readonly Verdict[], by: 'class and origin' | 'class'): string[] {
  const rows = by === 'class' ? byClass(verdicts) : rowsOf(verdicts);
  const heads = ['class', ...(by === 'class' ? [] : ['origin']), ...columns.map(([head]) => head)];
  const cells = [...rows, { name: 'all', origin: '', totals: totalsOf(verdicts) }].map(({ name, origin, totals }) => [
    name,
    ...(by === 'class' ? [] : [origin]),
    ...columns.map(([, key]) => String(totals[key])),
  ]);
  const widths = heads.map((head, at) => Math.max(head.length, ...cells.map((row) => row[at]?.length ?? 0)));
  const isText = (at: number): boolean => at === 0 || (by !== 'class' && at === 1);
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, at) => (isText(at) ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join(' | ')} |`;
  const rule = `| ${widths.map((width, at) => (isText(at) ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [line(heads), rule, ...cells.map(line)];
}

function byClass(verdicts: readonly Verdict[]) {
  const names = [...new Set(verdicts.map(({ trace }) => trace.class))];
  return names.map((name) => ({
    name,
    origin: '',
    totals: totalsOf(verdicts.filter(({ trace }) => trace.class === name)),
  }));
}
