import { type Host, type HostOptions, startOpenApi, startOwn, startWrapped } from './hosts.ts';
import { startKilled } from './killed-host.ts';
import { startFunctions, startLibrary } from './library-hosts.ts';
import { runTrace, type Verdict, type ViewName } from './run-trace.ts';
import { startShipped } from './shipped-host.ts';
import { type OriginName, originNames, type Trace } from './trace.ts';

const hosts: Readonly<Record<OriginName, (options: HostOptions) => Promise<Host>>> = {
  shipped: startShipped,
  own: startOwn,
  openapi: startOpenApi,
  'wrapped stdio': (options) => startWrapped('stdio', options),
  'wrapped HTTP': (options) => startWrapped('HTTP', options),
  library: startLibrary,
  'library run': startFunctions,
  killed: startKilled,
};

/** How many traces one host serves, so that the journal of an upstream stays short. */
const tracesPerHost = 40;

/** Runs the traces of each origin, each one in every view. */
export async function runCorpus(
  traces: readonly Trace[],
  names: readonly ViewName[],
  options: HostOptions = { guarded: true },
): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const origin of originNames) {
    const own = traces.filter((trace) => trace.origin === origin);
    for (const view of names) {
      // Another ledger for each view: the same calls are other operations there.
      for (let from = 0; from < own.length; from += tracesPerHost) {
        const host = await hosts[origin](options);
        try {
          for (const trace of own.slice(from, from + tracesPerHost)) verdicts.push(await runTrace(host, trace, view));
        } finally {
          await host.close();
        }
      }
    }
  }
  return verdicts;
}

/** Classes whose second call doubles without a guard, whatever the server. */
const controlClasses: ReadonlySet<string> = new Set([
  're-issue after a lost answer',
  'framework retry',
  'reworded text',
  'quite other words, answer lost',
  'twins in parallel',
  'twins in sequence',
]);

/** Returns the traces that must double where nothing is guarded. */
export function controlTraces(traces: readonly Trace[]): Trace[] {
  return traces.filter((trace) => controlClasses.has(trace.class) && trace.steps.some(isRepeat));
}

function isRepeat(step: Trace['steps'][number]): boolean {
  if (step.type === 'call') return step.call.means.type === 'repeat';
  return step.type === 'together' && step.calls.some(({ means }) => means.type === 'repeat');
}
