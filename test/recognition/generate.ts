import type { ToolClass } from '../../src/core/tool/types.ts';
import { type Args, type CorpusTool, corpusTools, textFor } from './corpus-tools.ts';
import { Random } from './random.ts';
import { batches, otherTexts, quiteOtherWords, type TextPair } from './texts.ts';
import type { CallFault, Meaning, OriginName, Trace, TraceCall, TraceStep } from './trace.ts';

const fresh: Meaning = { type: 'new' };
const repeatOf = (of: number, mayBeUnknown?: true): Meaning => ({
  type: 'repeat',
  of,
  ...(mayBeUnknown ? { mayBeUnknown } : {}),
});

/** What a trace of one class consists of. */
type Plan = Pick<Trace, 'steps' | 'effects'> & Partial<Pick<Trace, 'usesNextToken' | 'isBatch' | 'lang'>>;

interface Making {
  readonly tool: CorpusTool;
  readonly origin: OriginName;
  readonly random: Random;
  readonly serial: number;
}

/** A class of traces. */
interface TraceClass {
  readonly name: string;
  readonly origins: readonly OriginName[];
  /** How often the class is drawn. */
  readonly weight: number;
  takes(tool: CorpusTool, origin: OriginName): boolean;
  make(making: Making): Plan | undefined;
}

const call = (tool: CorpusTool, args: Args, means: Meaning, more: Partial<TraceCall> = {}): TraceStep => ({
  type: 'call',
  call: { tool: tool.name, args, means, ...more },
});
const wait = (seconds: number): TraceStep => ({ type: 'wait', seconds });
const reconnect: TraceStep = { type: 'reconnect' };

const served: readonly OriginName[] = ['shipped', 'own', 'openapi', 'wrapped stdio', 'wrapped HTTP', 'library'];
/** Origins whose calls belong to a session that learns which answers arrived. */
const faulty: readonly OriginName[] = ['own', 'openapi', 'library'];
const withText: readonly OriginName[] = ['own', 'openapi', 'wrapped stdio', 'wrapped HTTP', 'library'];
const isGuarded = ({ class: toolClass }: CorpusTool): boolean => toolClass !== 'off';
const isClass =
  (...classes: ToolClass[]) =>
  (tool: CorpusTool): boolean =>
    classes.includes(tool.class);

/** A time within which a repeat of a tool surely counts as one, in s. */
function withinWindow({ tool, random }: Making): number {
  return tool.class === 'create' ? random.int(1, 480) : random.int(1, 80);
}

/** The call, whose answer gets lost in one of several ways. */
function lostCall(making: Making, args: Args, more: Partial<TraceCall> = {}): TraceStep[] {
  const { tool, random } = making;
  const isCut = random.chance(0.7);
  if (isCut) return [call(tool, args, fresh, { fault: 'lose_answer', ...more })];
  return [call(tool, args, fresh, more), reconnect];
}

function reworded(making: Making, args: Args): { readonly args: Args; readonly first: Args; readonly lang: string } {
  const { tool, random } = making;
  const [field, kind] = tool.text ?? ['', 'memo'];
  const wording = textFor(kind, random);
  return {
    first: { ...args, [field]: wording.first },
    args: { ...args, [field]: wording.reworded },
    lang: wording.lang,
  };
}

/** A call whose caller left, and then one with the other text of a pair. */
function afterLostAnswer({ tool, random, serial }: Making, pairs: readonly TextPair[], isRepeat: boolean): Plan {
  const [field] = tool.text ?? [''];
  const args = tool.make(random, serial);
  const { a, b, lang } = random.pick(pairs);
  const lost = call(tool, { ...args, [field]: a }, fresh, { fault: 'lose_answer' });
  const next = call(tool, { ...args, [field]: b }, isRepeat ? repeatOf(0) : fresh);
  return { steps: [lost, wait(random.int(1, 300)), next], effects: isRepeat ? 1 : 2, lang };
}

const callId = (random: Random): Args => ({ 'claudecode/toolUseId': `toolu_${random.hex(16)}` });

const classes: readonly TraceClass[] = [
  {
    name: 're-issue after a lost answer',
    origins: [...served, 'library run'],
    weight: 4,
    takes: isGuarded,
    make: (making) => {
      const { tool, random, serial, origin } = making;
      const args = tool.make(random, serial);
      const first = origin === 'library run' ? [call(tool, args, fresh)] : lostCall(making, args);
      const again = Array.from({ length: random.int(1, 2) }, () => [
        wait(withinWindow(making) / 2),
        call(tool, args, repeatOf(0)),
      ]);
      return { steps: [...first, ...again.slice(0, tool.class === 'create' ? 2 : 1).flat()], effects: 1 };
    },
  },
  {
    name: 'framework retry',
    origins: served,
    weight: 3,
    takes: isGuarded,
    make: (making) => {
      const { tool, random, serial } = making;
      const args = tool.make(random, serial);
      const id = callId(random);
      if (random.chance(0.5)) {
        const between = wait(withinWindow(making));
        return {
          steps: [call(tool, args, fresh, { meta: id }), between, call(tool, args, repeatOf(0), { meta: id })],
          effects: 1,
        };
      }
      const second = call(tool, args, repeatOf(0), { meta: callId(random) });
      return { steps: [call(tool, args, fresh, { meta: id }), wait(random.int(1, 8)), second], effects: 1 };
    },
  },
  {
    name: 'reworded text',
    origins: served,
    weight: 5,
    takes: (tool) => tool.text !== undefined && tool.class === 'create',
    make: (making) => {
      const { tool, random, serial } = making;
      const { first, args, lang } = reworded(making, tool.make(random, serial));
      const before = random.chance(0.6) ? lostCall(making, first) : [call(tool, first, fresh)];
      return { steps: [...before, wait(random.int(1, 480)), call(tool, args, repeatOf(0))], effects: 1, lang };
    },
  },
  {
    name: 'quite other words, answer lost',
    origins: withText,
    weight: 3,
    takes: (tool) => tool.text !== undefined && isClass('create', 'repeatable')(tool) && !tool.isShipped,
    make: (making) => afterLostAnswer(making, quiteOtherWords(), true),
  },
  {
    name: 'another text, answer lost',
    origins: withText,
    weight: 1,
    takes: (tool) => tool.text !== undefined && isClass('create', 'repeatable')(tool) && !tool.isShipped,
    make: (making) => afterLostAnswer(making, otherTexts(), false),
  },
  {
    name: 'reworded append, answer lost',
    origins: ['own', 'wrapped stdio', 'wrapped HTTP', 'library'],
    weight: 1,
    takes: (tool) => tool.text !== undefined && tool.class === 'repeatable',
    make: (making) => {
      const { tool, random, serial } = making;
      const { first, args, lang } = reworded(making, tool.make(random, serial));
      const lost = call(tool, first, fresh, { fault: 'lose_answer' });
      return { steps: [lost, wait(random.int(1, 60)), call(tool, args, repeatOf(0))], effects: 1, lang };
    },
  },
  {
    name: 'reformatted arguments',
    origins: [...served, 'library run'],
    weight: 6,
    takes: (tool) => isGuarded(tool),
    make: (making) => {
      const { tool, random, serial } = making;
      const args = tool.make(random, serial);
      const written = tool.reformat(args, random);
      if (written === undefined) return undefined;
      const isNear = tool.class !== 'create';
      return {
        steps: [
          call(tool, args, fresh),
          wait(isNear ? random.int(1, 8) : withinWindow(making)),
          call(tool, written, repeatOf(0)),
        ],
        effects: 1,
      };
    },
  },
  {
    name: 'reformatted and reworded',
    origins: ['own', 'openapi', 'wrapped stdio', 'wrapped HTTP', 'library'],
    weight: 2,
    takes: (tool) => tool.text !== undefined && tool.class === 'create',
    make: (making) => {
      const { tool, random, serial } = making;
      const { first, args, lang } = reworded(making, tool.make(random, serial));
      const written = tool.reformat(args, random) ?? args;
      return {
        steps: [...lostCall(making, first), wait(random.int(1, 300)), call(tool, written, repeatOf(0))],
        effects: 1,
        lang,
      };
    },
  },
  {
    name: 'twins in parallel',
    origins: [...served, 'library run'],
    weight: 3,
    takes: isGuarded,
    make: (making) => {
      const { tool, random, serial } = making;
      const args = tool.make(random, serial);
      const count = random.int(1, 3);
      const others = Array.from({ length: count }, (_, at): TraceCall => {
        const written = at > 0 && random.chance(0.5) ? (tool.reformat(args, random) ?? args) : args;
        return { tool: tool.name, args: written, means: repeatOf(0) };
      });
      return { steps: [{ type: 'together', calls: [{ tool: tool.name, args, means: fresh }, ...others] }], effects: 1 };
    },
  },
  {
    name: 'twins in sequence',
    origins: served,
    weight: 2,
    takes: isGuarded,
    make: ({ tool, random, serial }) => {
      const args = tool.make(random, serial);
      const steps: TraceStep[] = [call(tool, args, fresh)];
      if (random.chance(0.5)) steps.push(wait(random.int(1, 8)));
      return { steps: [...steps, call(tool, args, repeatOf(0))], effects: 1 };
    },
  },
  {
    name: 'intended twin',
    origins: served,
    weight: 3,
    takes: (tool) => isGuarded(tool) && !tool.deletes,
    make: (making) => {
      const { tool, random, serial } = making;
      const args = tool.make(random, serial);
      const second = random.chance(0.3) && tool.class === 'create' ? (tool.reformat(args, random) ?? args) : args;
      return { steps: [call(tool, args, fresh), wait(random.int(1, 300)), call(tool, second, fresh)], effects: 2 };
    },
  },
  {
    name: 'intended twin in other words',
    origins: ['own', 'openapi', 'wrapped HTTP', 'library', 'shipped'],
    weight: 1,
    takes: (tool) => tool.text !== undefined && tool.class === 'create',
    make: (making) => {
      const { tool, random, serial } = making;
      const { first, args, lang } = reworded(making, tool.make(random, serial));
      return { steps: [call(tool, first, fresh), wait(random.int(1, 300)), call(tool, args, fresh)], effects: 2, lang };
    },
  },
  {
    name: 'occurrence',
    origins: ['own', 'wrapped stdio', 'wrapped HTTP', 'library'],
    weight: 2,
    takes: isClass('repeatable'),
    make: ({ tool, random, serial }) => {
      const args = tool.make(random, serial);
      const count = random.int(2, 4);
      const steps: TraceStep[] = [];
      for (let occurrence = 1; occurrence <= count; occurrence += 1) {
        steps.push(call(tool, { ...args, occurrence }, fresh));
      }
      const again = random.int(1, count);
      steps.push(wait(random.int(1, 60)), call(tool, { ...args, occurrence: String(again) }, repeatOf(again - 1)));
      return { steps, effects: count };
    },
  },
  {
    name: 'after the window',
    origins: served,
    weight: 2,
    takes: (tool) => isGuarded(tool) && !tool.deletes,
    make: (making) => {
      const { tool, random, serial, origin } = making;
      const args = tool.make(random, serial);
      const isLong = tool.class === 'create' && !origin.startsWith('wrapped');
      const past = wait(isLong ? 86_400 + random.int(60, 9_000) : 600 + random.int(60, 900));
      return { steps: [call(tool, args, fresh), past, call(tool, args, fresh)], effects: 2 };
    },
  },
  {
    name: 'other words a day later',
    origins: ['own', 'openapi', 'wrapped stdio', 'library'],
    weight: 1,
    takes: (tool) => tool.text !== undefined && tool.class === 'create',
    make: (making) => {
      const { tool, random, serial } = making;
      const { first, args, lang } = reworded(making, tool.make(random, serial));
      const later = wait(random.int(1_000, 90_000));
      return { steps: [call(tool, first, fresh), later, call(tool, args, fresh)], effects: 2, lang };
    },
  },
  {
    name: 'other caller',
    origins: ['shipped', 'own', 'openapi'],
    weight: 2,
    takes: isGuarded,
    make: ({ tool, random, serial }) => {
      const args = tool.make(random, serial);
      const steps = [call(tool, args, fresh), call(tool, args, fresh, { caller: 'b' }), call(tool, args, repeatOf(0))];
      return { steps, effects: 2 };
    },
  },
  {
    name: 'corrected value',
    origins: served,
    weight: 2,
    takes: isClass('create'),
    make: ({ tool, random, serial }) => {
      const args = tool.make(random, serial);
      const corrected = tool.correct(args, random);
      const steps = [
        call(tool, args, fresh),
        wait(random.int(1, 120)),
        call(tool, corrected, fresh),
        call(tool, corrected, repeatOf(1)),
      ];
      return { steps, effects: 2 };
    },
  },
  {
    name: 'A, B, A',
    origins: ['own', 'openapi', 'wrapped stdio', 'wrapped HTTP', 'library'],
    weight: 3,
    takes: (tool) => tool.name === 'set_status' || tool.name === 'update_contact',
    make: ({ tool, random, serial }) => {
      const args = tool.make(random, serial);
      const isStatus = tool.name === 'set_status';
      const values = isStatus
        ? random.shuffle(['open', 'blocked', 'done'])
        : ['a', 'b', 'c'].map((each) => `${each}.${serial}@example.com`);
      const order = random.pick([
        [0, 1, 0],
        [0, 1, 0, 1],
        [0, 1, 2, 0],
      ]);
      const steps = order.flatMap((index): TraceStep[] => [
        call(tool, { ...args, [isStatus ? 'status' : 'email']: values[index] }, fresh),
        ...(random.chance(0.5) ? [wait(random.int(1, 40))] : []),
      ]);
      const last = steps.findLast((each) => each.type === 'call');
      if (last?.type !== 'call') return undefined;
      const again: TraceStep = { type: 'call', call: { ...last.call, means: repeatOf(order.length - 1) } };
      const isNear = steps.at(-1)?.type === 'call';
      return { steps: isNear ? [...steps, again] : steps, effects: order.length };
    },
  },
  {
    name: 'late retry of an earlier write',
    origins: ['own', 'openapi', 'library', 'wrapped HTTP'],
    weight: 1,
    takes: (tool) => tool.name === 'set_status' || tool.name === 'update_contact',
    make: ({ tool, random, serial }) => {
      const args = tool.make(random, serial);
      const later = tool.name === 'set_status' ? { ...args, status: 'archived' } : { ...args, email: 'z@example.com' };
      const steps = [
        call(tool, args, fresh, { fault: 'lose_answer' }),
        call(tool, later, fresh),
        wait(random.int(1, 60)),
        call(tool, args, repeatOf(0)),
      ];
      return { steps, effects: 2 };
    },
  },
  {
    name: 'create after a delete',
    origins: ['own', 'openapi', 'wrapped stdio', 'wrapped HTTP', 'library'],
    weight: 1,
    takes: (tool) => tool.class === 'create' && !tool.isShipped,
    make: ({ tool, random, serial }) => {
      const args = tool.make(random, serial);
      const remove = corpusTools.find(({ name }) => name === 'delete_item');
      if (!remove) return undefined;
      const steps = [
        call(tool, args, fresh),
        wait(random.int(1, 120)),
        call(remove, { item_id: `item-${serial}` }, fresh),
        call(tool, args, fresh),
        call(tool, args, repeatOf(2)),
      ];
      return { steps, effects: 3 };
    },
  },
  {
    name: 'delete twice',
    origins: ['own', 'openapi', 'wrapped stdio', 'wrapped HTTP', 'library'],
    weight: 1,
    takes: (tool) => tool.deletes,
    make: ({ tool, random, serial }) => {
      const args = tool.make(random, serial);
      return { steps: [call(tool, args, fresh), wait(random.int(1, 80)), call(tool, args, repeatOf(0))], effects: 1 };
    },
  },
  {
    name: 'N meant',
    origins: [...served, 'library run'],
    weight: 2,
    takes: (tool) => isGuarded(tool) && !tool.deletes,
    make: ({ tool, random, serial }) => {
      const args = tool.make(random, serial);
      const count = random.int(3, 5);
      const steps = Array.from({ length: count }, () => call(tool, args, fresh));
      return { steps, effects: count, usesNextToken: true };
    },
  },
  {
    name: 'polling',
    origins: ['own', 'wrapped stdio', 'wrapped HTTP', 'library'],
    weight: 2,
    takes: (tool) => tool.name === 'job_report',
    make: ({ tool, random, serial }) => {
      const args = tool.make(random, serial);
      const count = random.int(3, 6);
      const steps = Array.from({ length: count }, () => [call(tool, args, fresh), wait(random.int(11, 90))]).flat();
      return { steps, effects: count };
    },
  },
  {
    name: 'unguarded tool',
    origins: ['own', 'openapi', 'wrapped HTTP', 'library'],
    weight: 1,
    takes: isClass('off'),
    make: ({ tool, random, serial }) => {
      const args = tool.make(random, serial);
      const count = random.int(2, 4);
      return { steps: Array.from({ length: count }, () => call(tool, args, fresh)), effects: count };
    },
  },
  {
    name: 'new turn',
    origins: ['own', 'wrapped HTTP', 'library'],
    weight: 1,
    takes: isClass('state', 'repeatable'),
    make: ({ tool, random, serial }) => {
      if (tool.deletes) return undefined;
      const args = tool.make(random, serial);
      const turn = (): Args => ({ 'x-codex-turn-metadata': { turn_id: random.uuid() } });
      const steps = [
        call(tool, args, fresh, { meta: turn() }),
        wait(random.int(1, 8)),
        call(tool, args, fresh, { meta: turn() }),
      ];
      return { steps, effects: 2 };
    },
  },
  {
    name: 'batch of different items',
    origins: ['own', 'openapi', 'wrapped stdio', 'wrapped HTTP', 'library'],
    weight: 4,
    takes: (tool) => tool.text !== undefined && !tool.isShipped,
    make: ({ tool, random, serial }) => {
      const [field, kind] = tool.text ?? ['', 'memo'];
      const template = random.pick(batches.filter((each) => each.kind === kind));
      const args = tool.make(random, serial);
      const items = random.shuffle(template.items).slice(0, random.int(3, 4));
      const calls = items.map((item): TraceCall => {
        return { tool: tool.name, args: { ...args, [field]: template.text.replace('{}', item) }, means: fresh };
      });
      const steps: TraceStep[] = random.chance(0.3)
        ? [{ type: 'together', calls }]
        : calls.map((each) => ({ type: 'call', call: each }));
      return { steps, effects: items.length, isBatch: true, lang: template.lang };
    },
  },
  {
    name: 'error, then again',
    origins: ['own', 'openapi', 'wrapped stdio', 'wrapped HTTP', 'library'],
    weight: 3,
    takes: (tool) => isGuarded(tool) && !tool.deletes,
    make: ({ tool, origin, random, serial }) => {
      const args = tool.make(random, serial);
      // The client of an API with idempotency keys waits for a rate limit and sends the request again itself.
      const fault: CallFault = origin === 'openapi' ? 'declined' : random.pick(['rate_limited', 'declined']);
      const steps = [
        call(tool, args, { type: 'refused' }, { fault }),
        wait(random.int(1, 60)),
        call(tool, args, fresh),
        call(tool, args, repeatOf(1)),
      ];
      return { steps, effects: 1 };
    },
  },
  {
    name: 'unknown outcome',
    origins: faulty,
    weight: 3,
    takes: (tool) => isGuarded(tool) && !tool.movesMoney && !tool.deletes && !tool.isShipped,
    make: ({ tool, random, serial }) => {
      const args = tool.make(random, serial);
      if (random.chance(0.5)) {
        const steps = [call(tool, args, fresh, { fault: 'reset' }), wait(20), call(tool, args, repeatOf(0, true))];
        return { steps, effects: 1 };
      }
      return { steps: [call(tool, args, fresh, { fault: 'lost' }), call(tool, args, repeatOf(0))], effects: 1 };
    },
  },
  {
    name: 'SIGKILL in mid-call',
    origins: ['killed'],
    weight: 0,
    // A PUT is sent again by its recovery: twice leaves the same state.
    takes: (tool) => tool.class === 'create' && !tool.isShipped,
    make: (making) => {
      const { tool, random, serial } = making;
      const first = tool.make(random, serial);
      const kind = random.int(0, 2);
      const again =
        kind === 0 ? first : kind === 1 || !tool.text ? tool.reformat(first, random) : reworded(making, first).args;
      const start =
        kind === 2 && tool.text && again ? { ...first, [tool.text[0]]: firstWordingOf(again, tool) } : first;
      const steps = [
        call(tool, start, fresh, { fault: 'kill' }),
        call(tool, again ?? first, repeatOf(0, true)),
        call(tool, start, repeatOf(0, true)),
      ];
      return { steps, effects: 1 };
    },
  },
];

function firstWordingOf(args: Args, tool: CorpusTool): string {
  const [field, kind] = tool.text ?? ['', 'memo'];
  const random = new Random(0);
  for (let tries = 0; tries < 10_000; tries += 1) {
    const wording = textFor(kind, random);
    if (wording.reworded === args[field]) return wording.first;
  }
  return String(args[field]);
}

/** Which origins serve a tool. */
function serves(origin: OriginName, tool: CorpusTool): boolean {
  if (origin === 'shipped') return tool.isShipped;
  if (tool.isShipped) return false;
  if (origin === 'openapi') return tool.name !== 'job_report';
  if (origin === 'library run') return tool.class === 'create';
  return true;
}

export interface GenerateOptions {
  readonly seed: number;
  readonly traces: number;
  /** How many of them kill a server, which takes a real process each. */
  readonly kills: number;
}

/** Generates labelled traces. The same options give the same traces. */
export function generateTraces({ seed, traces, kills }: GenerateOptions): Trace[] {
  const random = new Random(seed);
  const made: Trace[] = [];
  // Each class at each of its origins first; then by weight.
  const pairs = classes.flatMap((each) => each.origins.map((origin) => ({ each, origin })));
  const drawn = pairs.flatMap((pair) => Array.from({ length: pair.each.weight }, () => pair));
  const add = ({ each, origin }: (typeof pairs)[number]): void => {
    const tools = corpusTools.filter((tool) => serves(origin, tool) && each.takes(tool, origin));
    for (let tries = 0; tries < 10; tries += 1) {
      const serial = seed * 100_000 + made.length * 10 + tries;
      const plan = each.make({ tool: random.pick(tools), origin, random, serial });
      if (plan === undefined) continue;
      made.push({ id: `${seed}-${made.length}`, class: each.name, origin, ...plan });
      return;
    }
  };
  for (const pair of pairs) if (pair.each.weight > 0 && made.length < traces - kills) add(pair);
  while (made.length < traces - kills) add(random.pick(drawn));
  const killed = pairs.filter(({ origin }) => origin === 'killed');
  for (let count = 0; count < kills; count += 1) add(killed[count % killed.length] as (typeof pairs)[number]);
  return made;
}
