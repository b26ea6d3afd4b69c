import { prepare } from '../src/core/call/prepare.ts';
import { decodeEntry, encodeEntry } from '../src/core/ledger/record.ts';
import { openMemoryStore } from '../src/core/ledger/stores/memory.ts';
import {
  callOrder,
  claimAndSettle,
  engineOver,
  ledgerOver,
  orderCall,
  orderRequests,
  recordBytes,
  replay,
  sealedLedgerOver,
} from './support/engine.ts';
import { block, percentile } from './support/measure.ts';
import { orderArguments } from './support/orders.ts';
import { type BenchContext, microseconds } from './support/report.ts';

const firstCall = 'a first call of one step through the engine, memory store';

/** Measures the CPU time of a call, without disk and network. */
export async function run({ quick, report }: BenchContext): Promise<void> {
  const ledger = ledgerOver(openMemoryStore());
  const engine = engineOver(ledger);
  const nextRequest = await orderRequests(ledger);
  const request = nextRequest();
  const bytes = await recordBytes(ledger, request);
  const record = decodeEntry(bytes.settled);
  const sealed = sealedLedgerOver(openMemoryStore());
  const box = sealed.codec.encode(request.key, record);
  const args = orderArguments();
  await callOrder(engine, args, 'executed');
  const parts: Readonly<Record<string, () => unknown>> = {
    'key of a call: validate, canonicalise, hash (prepare)': () => prepare(engine, orderCall()),
    'claim + settle, memory store': () => claimAndSettle(ledger, nextRequest()),
    'replay, memory store': () => replay(ledger, request),
    [firstCall]: () => callOrder(engine, orderArguments(), 'executed'),
    'a replay through the engine, memory store': () => callOrder(engine, args, 'replayed'),
    [`encode a settled record, ${bytes.settled.length} bytes`]: () => encodeEntry(record),
    'decode and check it': () => decodeEntry(bytes.settled),
    'claim + settle, records encrypted': () => claimAndSettle(sealed, nextRequest()),
    'encode and encrypt it': () => sealed.codec.encode(request.key, record),
    'decrypt, decode and check it': () => sealed.codec.decode(request.key, box),
  };
  const rounds = quick ? 5 : 15;
  const means = new Map(Object.keys(parts).map((name) => [name, [] as number[]]));
  for (let round = 0; round < rounds + 2; round += 1) {
    for (const [name, part] of Object.entries(parts)) {
      const { perSecond } = await block(1, 1_000, part);
      if (round >= 2) means.get(name)?.push(1e6 / perSecond);
    }
  }
  for (const [name, each] of means) {
    const spread = `blocks p10 ${microseconds(percentile(each, 10))}, p90 ${microseconds(percentile(each, 90))}`;
    report.value(name, percentile(each, 50), `µs (${spread})`);
    // Effects of earlier calls on later ones show here.
    if (name === firstCall) {
      const third = Math.ceil(each.length / 3);
      const growth = percentile(each.slice(-third), 50) / percentile(each.slice(0, third), 50);
      report.value('the last third of these blocks / the first third', growth, 'x', { atMost: 1.25 });
    }
  }
}
