// The chaos suite: real servers, stores and networks that fail, and an upstream that counts effects.
//
//   npm run chaos [-- --for 10m --seed N --store sqlite|redis --via http|stdio|wrap --quick]
import { parseArgs } from 'node:util';
import { parseDuration } from '../../src/core/duration.ts';
import { Random } from './random.ts';
import { type RoundReport, runRound } from './round.ts';
import type { Via } from './server.ts';
import { ChaosStage, type StageSettings, type StoreKind } from './stage.ts';

/** How long one round lasts, in ms. Each has new servers and a new store. */
const roundMs = 30_000;
const quickMs = 5_000;
const quickRounds = 4;
const controlMs = 4_000;
const violationsShown = 20;

/** Each switches one guarantee off. Its check has to find that. */
const controls: readonly { readonly name: string; readonly finds: RegExp; readonly change: Partial<StageSettings> }[] =
  [
    { name: 'each server with a ledger of its own', finds: /^two effects/, change: { isShared: false } },
    { name: 'a lookup that finds something else', finds: /^not the truth/, change: { env: { CHAOS_LIE: '1' } } },
    {
      name: 'servers without the clock of the machine',
      finds: /^two effects/,
      change: { env: { CHAOS_NO_MACHINE: '1' }, skewMs: 3_600_000 },
    },
    { name: 'tools without a recovery', finds: /^not known/, change: { env: { CHAOS_REFUSE: '1' } } },
  ];

const { values } = parseArgs({
  options: {
    for: { type: 'string', default: '2m' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    store: { type: 'string' },
    via: { type: 'string' },
    quick: { type: 'boolean', default: false },
    program: { type: 'string' },
    failover: { type: 'boolean', default: false },
    happens: { type: 'string' },
  },
});
const program = values.program ?? new URL('../../src/cli/main.js', import.meta.url).pathname;
const seed = Number(values.seed);
const kinds: readonly StoreKind[] = values.store === undefined ? ['sqlite', 'redis'] : [values.store as StoreKind];
const ways: readonly Via[] = values.via === undefined ? ['http', 'stdio', 'wrap'] : [values.via as Via];
const forMs = values.quick ? quickRounds * quickMs : (parseDuration(values.for) ?? 120_000);
console.log(`seed ${seed}`);

let failed = false;
let round = 0;
for (let leftMs = forMs; leftMs > 0; round += 1) {
  const kind = kinds[round % kinds.length] ?? 'sqlite';
  const lastsMs = Math.min(leftMs, values.quick ? quickMs : roundMs);
  leftMs -= lastsMs;
  const isFailover = kind === 'redis' && (values.failover || round % 4 === 3);
  // Each store meets each way in six rounds.
  const via = ways[round % ways.length] ?? 'http';
  // In every third turn of them no server ends.
  const isThird = Math.floor(round / (kinds.length * ways.length)) % 3 === 2;
  const happens = (values.happens ?? (isThird ? 'store' : 'all')) as NonNullable<StageSettings['happens']>;
  const report = await play({ kind, happens, via }, lastsMs, seed + round, isFailover);
  for (const violation of report.violations.slice(0, violationsShown)) console.log(`  VIOLATION ${violation}`);
  failed ||= report.violations.length > 0;
}
for (const { name, finds, change } of controls) {
  const { violations } = await play(
    { kind: 'sqlite', happens: 'servers', ...change },
    controlMs,
    seed,
    false,
    `control, ${name}`,
  );
  const found = violations.filter((violation) => finds.test(violation)).length;
  console.log(`  ${found > 0 ? `found ${found} times, as it must be` : 'NOT FOUND: the check is blind'}`);
  failed ||= found === 0;
}
console.log(failed ? `failed with seed ${seed}` : 'no violation');
process.exitCode = failed ? 1 : 0;

async function play(
  settings: Pick<StageSettings, 'kind'> & Partial<StageSettings>,
  lastsMs: number,
  roundSeed: number,
  isFailover: boolean,
  name: string = `${settings.kind}, ${settings.via}`,
): Promise<RoundReport> {
  const random = new Random(roundSeed);
  const stage = await ChaosStage.open({ program, random, ...settings });
  try {
    const failingOver = isFailover ? later(lastsMs / 2, () => stage.failover()) : undefined;
    const report = await runRound(stage, random, lastsMs, `${name}`);
    await failingOver;
    const happened = [...stage.happened].map(([what, count]) => `${what} ${count}`).join(', ');
    const answers = [...report.answers].map(([what, count]) => `${what} ${count}`).join(', ');
    console.log(`${name}: ${report.orders} orders, ${report.calls} calls; ${answers}`);
    console.log(`  ${happened}`);
    if (report.violations.length > 0 && !name.startsWith('control'))
      for (const { stderr } of stage.servers) console.log(`  LOG ${stderr.slice(-600)}`);
    return report;
  } finally {
    await stage.close();
  }
}

async function later(ms: number, run: () => Promise<void>): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  await run();
}
