import { expect, test } from 'vitest';
import { refusalOfFault } from '../../src/core/call/faults.ts';
import { LedgerUnavailable, McpOnceError, OutcomeNotRead } from '../../src/core/errors.ts';
import { createCatalog } from '../../src/core/tool/catalog.ts';
import { keepLedgerDetails, RefusalLog } from '../../src/http/refusal-log.ts';
import { render } from '../../src/server/render.ts';
import { ManualClock } from '../support/manual-clock.ts';

const where = 'connect ECONNREFUSED 10.0.0.5:6379';

test.each<[string, Error, string]>([
  ['before anything was sent', new LedgerUnavailable(where), 'the ledger is not available. Nothing was executed'],
  [
    'with a record that cannot be read',
    new McpOnceError('record_unreadable', where),
    'record cannot be read. Nothing was executed. An operator',
  ],
  [
    'after the operation was sent',
    new OutcomeNotRead(where),
    'the ledger does not return the outcome. It may have taken effect, and it is not sent',
  ],
])('a ledger that fails %s shows its details to the operator and not to the caller', async (_, fault, said) => {
  const told: unknown[] = [];
  const log = { debug: () => {}, info: () => {}, warn: () => {} };
  const refusals = new RefusalLog({ info: () => {}, warn: (_, fields) => told.push(fields) }, new ManualClock());
  const handle = async () => refusalOfFault(fault, 'create_thing', { closing: new AbortController().signal, log });
  const service = keepLedgerDetails(
    { name: 'test', version: '1.0.0', catalog: createCatalog([]), handle, log },
    refusals,
  );
  const scope = { tenant: 'acme', subject: 'alice' };
  const { signal } = new AbortController();
  const answer = await service.handle({ tool: 'create_thing', arguments: {}, scope, meta: {}, signal });
  const shown = JSON.stringify([answer, render(answer)]);
  expect(shown).toContain(said);
  expect(shown).not.toContain('ECONNREFUSED');
  expect(told).toEqual([{ ...scope, tool: 'create_thing', why: expect.stringContaining(where) }]);
});
