import { constants } from 'node:os';
import type { Cli } from '../../command/cli.ts';
import { exitCodes } from '../../command/cli.ts';
import { tableOf } from '../../command/table.ts';
import { describeError } from '../../core/errors.ts';
import { type Heard, type Scene, scenes } from './scenes.ts';
import { Stage } from './stage.ts';

/** The result of one scene, and its mistakes. */
interface Played {
  readonly scene: Scene;
  readonly made: number;
  readonly heard: readonly Heard[];
  readonly wrong: readonly string[];
}

/**
 * Shows with real processes that a repeated call takes effect once. On SIGINT and SIGTERM it ends its processes and
 * removes its files.
 * @returns 1 when a scene has a mistake; for a signal, the exit code of shells
 */
export async function runDemo(cli: Cli): Promise<number> {
  const interrupted = interruption();
  cli.print(introduction);
  const stage = new Stage(cli.environment);
  const playing = playAll(cli, stage);
  // After a signal the scene fails, since its servers end.
  playing.catch(() => undefined);
  let played: Played[] | NodeJS.Signals;
  try {
    played = await Promise.race([playing, interrupted]);
  } finally {
    await stage.close();
  }
  if (typeof played === 'string') {
    cli.tell(`mcp-once: the demo ended on ${played}. Its processes have ended and its files are removed.`);
    return 128 + constants.signals[played];
  }
  cli.print(`\n${table(played)}\n`);
  const wrong = played.flatMap(({ wrong: each }) => each);
  if (wrong.length === 0) {
    cli.print(conclusion());
    return exitCodes.ok;
  }
  for (const line of wrong) cli.print(`WRONG: ${line}`);
  return exitCodes.failure;
}

/** Says what the scenes have shown. A scene with the guard switched off makes more than was meant. */
function conclusion(): string {
  const controls = scenes.flatMap(({ made }, index) => (made === undefined ? [] : [index + 1]));
  return `Every scene passed: with the guard, each meant invoice was made once. Without it (scene ${controls.join(', ')}), twice.`;
}

const introduction = `A real MCP client talks over stdio to real server processes. Their create_invoice calls an invoicing API
through the official Stripe SDK (the built-in sandbox: nothing real is billed). Invoices are counted there.
`;

/** Resolves with the first signal. npm and the terminal may both send it: more signals change nothing. */
function interruption(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve(signal));
  });
}

async function playAll(cli: Cli, stage: Stage): Promise<Played[]> {
  await stage.open();
  const played: Played[] = [];
  for (const [index, scene] of scenes.entries()) {
    if (stage.isClosing) break;
    cli.tell(`  ${index + 1}/${scenes.length} ${scene.title}`);
    played.push(await play(stage, scene, `scene-${index + 1}`));
  }
  return played;
}

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
    wrong.push(`"${scene.title}": the callers got ${words.join('; ')} instead of ${scene.tell.join('; ')}`);
  }
  const named = new Set(heard.flatMap(({ invoice }) => invoice ?? []));
  if (named.size !== must) wrong.push(`"${scene.title}": the answers named ${named.size} invoices instead of ${must}`);
  return wrong;
}

function table(played: readonly Played[]): string {
  const rows = played.flatMap(({ scene, made, heard, wrong }, index) => {
    const verdict = wrong.length === 0 ? 'ok' : 'WRONG';
    const told = spoken(heard).map((words, call) => ['', '', '', '', `  call ${call + 1} got: ${words}`]);
    return [[String(index + 1), String(scene.meant), String(made), verdict, scene.title], ...told];
  });
  return tableOf(['', 'MEANT', 'MADE', '', 'WHAT WAS SENT, AND WHAT EACH CALL GOT'], rows);
}

/** Describes what each call got, with short names for the invoices of one scene: A, B. */
function spoken(heard: readonly Heard[]): string[] {
  const names = [...new Set(heard.flatMap(({ invoice }) => invoice ?? []))];
  return heard.map(({ words, invoice }) => {
    if (invoice === undefined) return words;
    return `${words}, invoice ${String.fromCharCode(65 + names.indexOf(invoice))}`;
  });
}
