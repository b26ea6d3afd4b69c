import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { controlTraces, runCorpus } from './corpus.ts';
import { generateTraces } from './generate.ts';
import { type Limit, limitsOf, rowsOf, tableOf, totalsOf } from './report.ts';
import type { Verdict, ViewName } from './run-trace.ts';
import { installTimeTravel } from './time-travel.ts';
import { traceSchema } from './trace.ts';

const usage = `Usage: npm run recognition -- [--seed N] [--traces N] [--quick] [--json] [--problems] [--only TEXT]
  --seed      the traces to generate (default 1)
  --traces    how many (default 420, at least 60)
  --quick     a part that takes less than 40 s of CPU time
  --kills     how many of them kill a server in mid-call (default 8)
  --json      the figures as JSON
  --problems  what went wrong, trace by trace
  --write     writes the table into docs/contributing/recognition.md
  --only      the traces whose class, origin or id has this text`;

function numberOf(text: string, name: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0) throw new Error(`--${name} must be a whole number`);
  return number;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      traces: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      problems: { type: 'boolean', default: false },
      kills: { type: 'string' },
      only: { type: 'string', default: '' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    print(usage);
    return 0;
  }
  installTimeTravel();
  const { quick, only } = values;
  const count = Math.max(60, numberOf(values.traces ?? (quick ? '180' : '420'), 'traces'));
  const all = generateTraces({
    seed: numberOf(values.seed, 'seed'),
    traces: count,
    kills: numberOf(values.kills ?? (quick ? '2' : '8'), 'kills'),
  });
  const chosen = all.filter((trace) => [trace.class, trace.origin, trace.id].some((each) => each.includes(only)));
  for (const trace of chosen) traceSchema.parse(trace);
  const views: readonly ViewName[] = ['text', 'structured'];
  const verdicts = await runCorpus(chosen, views);
  const control = await runCorpus(controlTraces(chosen).slice(0, quick ? 40 : 120), ['text'], { guarded: false });
  const totals = totalsOf(verdicts);
  const doubled = control.filter(({ doubles }) => doubles > 0).length;
  const limits = [
    ...limitsOf(totals),
    {
      name: 'traces that double with the guards off',
      wanted: 'all',
      found: `${doubled} of ${control.length}`,
      holds: doubled === control.length,
    },
  ];
  const holds = limits.every((limit) => limit.holds);
  if (values.json)
    print(JSON.stringify({ seed: Number(values.seed), totals, limits, rows: rowsOf(verdicts) }, undefined, 2));
  else {
    print(`${chosen.length} traces of seed ${values.seed}, each in ${views.length} client views.\n`);
    print(tableOf(verdicts, 'class and origin').join('\n'));
    print('');
    for (const { name, wanted, found, holds: isKept } of limits) {
      print(`${isKept ? 'ok    ' : 'BROKEN'} ${name}: ${found} (${wanted})`);
    }
  }
  if (values.write) writeTable(`${chosen.length} traces of seed ${values.seed}, in both views`, verdicts, limits);
  if (values.problems) {
    printProblems(verdicts);
    printProblems(control.filter(({ doubles }) => doubles === 0));
  }
  return holds ? 0 : 1;
}

const page = fileURLToPath(new URL('../../../docs/contributing/recognition.md', import.meta.url));
const place = /(<!-- table: .*? -->\n)[\s\S]*?(<!-- end of table -->)/;

function writeTable(title: string, verdicts: readonly Verdict[], limits: readonly Limit[]): void {
  const figures = limits.map(({ name, found }) => `- ${name}: ${found}`);
  const text = [`${title}:`, '', ...tableOf(verdicts, 'class'), '', ...figures, ''].join('\n');
  writeFileSync(
    page,
    readFileSync(page, 'utf8').replace(place, (_, start, end) => `${start}\n${text}\n${end}`),
  );
}

function printProblems(verdicts: readonly Verdict[]): void {
  for (const { trace, view, problems, doubles } of verdicts) {
    if (problems.length === 0 && doubles > 0) continue;
    if (problems.length === 0) continue;
    print(`\n${trace.id} ${trace.class} (${trace.origin}, ${view}${trace.lang ? `, ${trace.lang}` : ''})`);
    for (const problem of problems) print(`  ${problem}`);
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

process.exitCode = await main();
