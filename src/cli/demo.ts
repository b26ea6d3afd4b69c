import { describeError } from '../errors.ts';
import type { Cli } from './cli.ts';
import { exitCodes } from './cli.ts';
import { type Heard, type Scene, scenes } from './demo/scenes.ts';
import { Stage } from './demo/stage.ts';
import { tableOf } from './ledger.ts';

/** What came of one scene, and what is wrong about it. */
interface Played {
  readonly scene: Scene;
  readonly made: number;
  readonly heard: readonly Heard[];
  readonly wrong: readonly string[];
}

/** Shows the main job with real processes. @returns 1 when a line of its table is not as it should be. */
export async function runDemo(cli: Cli): Promise<number> {
  cli.print(introduction);
  const stage = await Stage.open();
  const played: Played[] = [];
  try {
    for (const [index, scene] of scenes.entries()) {
      cli.tell(`  ${index + 1}/${scenes.length} ${scene.title}`);
      played.push(await play(stage, scene, `scene-${index + 1}`));
    }
  } finally {
    await stage.close();
  }
  cli.print(`\n${table(played)}\n`);
  const wrong = played.flatMap(({ wrong: each }) => each);
  if (wrong.length === 0) {
    cli.print('Every line is as it should be: one invoice where one was meant, two where two were meant.');
    return exitCodes.ok;
  }
  for (const line of wrong) cli.print(`WRONG: ${line}`);
  return exitCodes.failure;
}

const introduction = `A real MCP client talks over stdio to real server processes. Their create_invoice calls an invoicing API
through the official Stripe SDK (the built-in sandbox: nothing real is billed). Invoices are counted there.
`;

async function play(stage: Stage, scene: Scene, customer: string): Promise<Played> {
  const before = await stage.invoices();
  try {
    const heard = await scene.play(stage, customer);
    const made = (await stage.invoices()) - before;
    return { scene, made, heard, wrong: mistakes(scene, made, heard) };
  } catch (error) {
    const made = (await stage.invoices()) - before;
    return { scene, made, heard: [], wrong: [`"${scene.title}": ${describeError(error)}`] };
  }
}

function mistakes(scene: Scene, made: number, heard: readonly Heard[]): string[] {
  const wrong: string[] = [];
  const must = scene.made ?? scene.meant;
  if (made !== must) wrong.push(`"${scene.title}": ${made} invoices were made instead of ${must}`);
  const words = heard.map((each) => each.words);
  const [told, expected] = scene.anyOrder ? [[...words].sort(), [...scene.tell].sort()] : [words, [...scene.tell]];
  if (told.join() !== expected.join()) {
    wrong.push(`"${scene.title}": the callers were told ${words.join('; ')} instead of ${scene.tell.join('; ')}`);
  }
  const named = new Set(heard.flatMap(({ invoice }) => invoice ?? []));
  if (named.size !== must)
    wrong.push(`"${scene.title}": the callers were told of ${named.size} invoices instead of ${must}`);
  return wrong;
}

function table(played: readonly Played[]): string {
  const rows = played.map(({ scene, made, heard, wrong }) => [
    wrong.length === 0 ? 'ok' : 'WRONG',
    String(heard.length),
    String(scene.meant),
    String(made),
    scene.title,
  ]);
  const lines = tableOf(['', 'calls', 'meant', 'made', 'what happened'], rows).split('\n');
  const [headings = '', ...rest] = lines;
  const told = played.map(({ heard }) => `       told: ${heard.map(spoken).join('; ')}`);
  return [headings, ...rest.flatMap((line, index) => [line, told[index] ?? ''])].join('\n');
}

function spoken({ words, invoice }: Heard): string {
  return invoice === undefined ? words : `${words} ${invoice}`;
}
