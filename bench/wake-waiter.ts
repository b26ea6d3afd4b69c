/** The other process of the wake bench: makes the requested calls and reports when they were answered. argv: the store. */
import { handleCall } from '../src/core/call/handle-call.ts';
import { openStore } from '../src/core/ledger/stores/open.ts';
import { engineOver, ledgerOver, orderCall } from './support/engine.ts';

const store = await openStore(process.argv[2] ?? '');
const engine = engineOver(ledgerOver(store));

process.on('message', async (args) => {
  const answer = await handleCall(engine, orderCall(args));
  const atNs = String(process.hrtime.bigint());
  process.send?.({ atNs, replayed: answer.type === 'result' && answer.replayed });
});
process.once('disconnect', () => void store.close());
process.send?.('ready');
