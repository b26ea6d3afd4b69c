// Builds an engine from the built files of core only, and calls one guarded function twice.
const core = (path) => import(new URL(`../../dist/src/core/${path}`, import.meta.url).href);
const { createEngine, openLedger } = await core('engine.js');
const { createCatalog } = await core('tool/catalog.js');
const { ClientPool } = await core('tool/client-pool.js');
const { defineTool } = await core('tool/define-tool.js');
const { z } = await import('zod');

let executions = 0;
const tool = defineTool({
  name: 'create_thing',
  title: 'Create thing',
  description: 'Creates a thing.',
  effect: 'create',
  input: z.strictObject({ what: z.string() }),
  output: z.object({ id: z.number() }),
  run: async () => {
    executions += 1;
    return { id: executions };
  },
});
const settings = { waitMs: 5_000, maxRunMs: 5_000, recordRetentionMs: 86_400_000, resultBytesMax: 1_024 };
const [store] = process.argv.slice(2);
const ledgerSettings = { leaseMs: 1_000, unresolvedRetentionMs: 86_400_000, encryptionKeys: [] };
const engine = createEngine({
  catalog: createCatalog([tool]),
  clients: new ClientPool({}),
  settings: { ...settings, hostKeys: true, conversationScope: false },
  ledger: () => openLedger({ store, ...ledgerSettings }),
});
const call = {
  tool: 'create_thing',
  arguments: { what: 'chair' },
  scope: { tenant: 'default', subject: 'ada' },
  meta: {},
  signal: new AbortController().signal,
};
const answers = [await engine.handle(call), await engine.handle(call)];
await engine.drain(0);
console.log(JSON.stringify(answers.map(({ type, replayed, result }) => ({ type, replayed, result }))));
