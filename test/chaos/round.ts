import type { Random } from './random.ts';
import type { Told } from './server.ts';
import { type ChaosStage, pause } from './stage.ts';
import type { UpstreamFault } from './upstream.ts';

const tools = ['order_keyed', 'order_asked', 'order_once', 'order_steps'] as const;
type ToolName = (typeof tools)[number];

/** Faults after which only the upstream knows what happened. */
const doubtful: readonly UpstreamFault[] = ['answer_lost', 'error_after', 'unavailable', 'truncated', 'late'];
const faults: readonly [UpstreamFault, ...UpstreamFault[]] = [
  'answer_lost',
  'error_after',
  'unavailable',
  'truncated',
  'slow',
  'late',
];

/** What a server behind `wrap` has, which tells its caller nothing of the upstream's faults. */
const wrappedTools = ['order_keyed', 'order_once'] as const;

/** How often an outcome is asked for at the end, and how long one call may take, in ms. */
const askedMax = 12;
const callMs = 20_000;

/** One intended effect, with everything that its callers got. */
interface Order {
  readonly item: string;
  readonly tool: ToolName;
  readonly planned: readonly UpstreamFault[];
  readonly told: Told[];
  final: Told | undefined;
}

export interface RoundReport {
  readonly orders: number;
  readonly calls: number;
  readonly answers: ReadonlyMap<string, number>;
  readonly violations: readonly string[];
}

/** Orders under chaos for a time, and then compares what callers were told with what happened at the upstream. */
export async function runRound(stage: ChaosStage, random: Random, forMs: number, name: string): Promise<RoundReport> {
  const orders: Order[] = [];
  const callers = new Set<Promise<void>>();
  const untilMs = performance.now() + forMs;
  let isOver = false;
  const disturb = async (): Promise<void> => {
    while (!isOver) {
      await pause(random.between(100, 900));
      await stage.disturb();
    }
  };
  const disturbing = Promise.all([disturb(), disturb()]);
  disturbing.catch(() => undefined);
  let calls = 0;
  while (performance.now() < untilMs) {
    const order = planned(stage, random, `${name} ${orders.length}`);
    orders.push(order);
    for (let count = random.between(1, 4); count > 0; count -= 1) {
      calls += 1;
      const calling = call(stage, order, random.between(0, 300), random.chance(0.15) ? random.between(5, 800) : callMs);
      callers.add(calling);
      void calling.then(() => callers.delete(calling));
    }
    await pause(random.between(20, 120));
    // A bound on what is under way.
    while (callers.size > 60) await Promise.race(callers);
  }
  isOver = true;
  await disturbing;
  await stage.heal();
  await Promise.all(callers);
  await Promise.all(orders.map((order) => askFor(stage, order)));
  return { orders: orders.length, calls, answers: answersOf(orders), violations: violationsIn(stage, orders) };
}

function planned({ upstream, via }: ChaosStage, random: Random, item: string): Order {
  const possible = via === 'wrap' ? (['slow', 'late'] as const) : faults;
  const planned = Array.from({ length: random.chance(0.5) ? random.between(1, 2) : 0 }, () => random.of(possible));
  if (planned.length > 0) upstream.plan(item, ...planned);
  return { item, tool: random.of(via === 'wrap' ? wrappedTools : tools), planned, told: [], final: undefined };
}

/** Calls once. A caller that leaves, or whose server ends, learns nothing. */
async function call(stage: ChaosStage, order: Order, afterMs: number, leavesMs: number): Promise<void> {
  await pause(afterMs);
  try {
    order.told.push(await stage.anyServer.call(order.tool, { item: order.item }, AbortSignal.timeout(leavesMs)));
  } catch {
    // No answer came.
  }
}

/** Asks until the outcome is final, as a caller does that follows `retryAfterMs`. */
async function askFor(stage: ChaosStage, order: Order): Promise<void> {
  for (let asked = 0; asked < askedMax; asked += 1) {
    try {
      const told = await stage.anyServer.call(order.tool, { item: order.item }, AbortSignal.timeout(callMs));
      order.told.push(told);
      order.final = told;
      const { code, retryAfterMs } = told.outcome;
      if (code === 'succeeded') return;
      if (code === 'outcome_unknown' && retryAfterMs === undefined) return;
      await pause(Math.min(retryAfterMs ?? 500, 3_000));
    } catch {
      await pause(500);
    }
  }
}

function violationsIn(stage: ChaosStage, orders: readonly Order[]): string[] {
  return orders.flatMap((order) => {
    const effects = stage.upstream.effectsOf(order.item);
    const { final, told, tool, item } = order;
    const found: string[] = [];
    const about = `${tool} of "${item}" (${order.planned.join(', ') || 'no fault'})`;
    if (effects.length > 1) found.push(`two effects: ${about} took effect ${effects.length} times`);
    const ids = new Set(told.filter(({ outcome }) => outcome.code === 'succeeded').map(({ result }) => result?.id));
    for (const id of ids) {
      if (effects.length !== 1 || effects[0]?.id !== id) found.push(`not the truth: ${about} was told ${id}`);
    }
    if (final?.outcome.code !== 'succeeded' && !mayStayUnknown(stage, order, final)) {
      found.push(`not known: ${about} ended as ${final?.outcome.code ?? 'no answer'}: ${final?.text.slice(0, 300)}`);
    }
    return found;
  });
}

/** Only an operation without any recovery may stay unknown, and only after a fault that leaves doubt. */
function mayStayUnknown({ hasKilled }: ChaosStage, { tool, planned }: Order, final: Told | undefined): boolean {
  if (tool !== 'order_once' || final?.outcome.code !== 'outcome_unknown') return false;
  return hasKilled || planned.some((fault) => doubtful.includes(fault) || fault === 'slow');
}

function answersOf(orders: readonly Order[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { told } of orders) {
    for (const { outcome } of told) {
      const { code, replayed, recovered } = outcome;
      const name = code === 'succeeded' ? (replayed ? 'replayed' : (recovered ?? 'executed')) : code;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  return counts;
}
