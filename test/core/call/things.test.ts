import { expect, test } from 'vitest';
import { z } from 'zod';
import { openMemoryStore } from '../../../src/core/ledger/stores/memory.ts';
import { defineTool } from '../../../src/core/tool/define-tool.ts';
import { refusalOf, resultOf, testEngine } from '../../support/engine.ts';

/** Tools that make and close tickets, and engines on one ledger. */
function tracker() {
  const made: string[] = [];
  const asked: string[] = [];
  const owners = new Map([['u1', 'ada@example.com']]);
  const createTicket = defineTool({
    name: 'create_ticket',
    title: 'Create ticket',
    description: 'Creates a ticket.',
    effect: 'create',
    input: z.strictObject({ owner: z.string(), tags: z.array(z.string()), text: z.string().default('') }),
    output: z.object({ id: z.string() }),
    canonical: async ({ owner, tags, text }, { read }) => ({
      owner: owner.includes('@') ? owner : await read(`owner ${owner}`, async () => addressOf(owner)),
      tags: [...tags].sort(),
      text,
    }),
    identity: ({ owner, tags }) => ({ owner, tags }),
    makes: ({ id }) => `ticket:${id}`,
    conflictAdvice: () => 'To change its text, call update_ticket',
    run: async ({ owner }) => {
      made.push(owner);
      return { id: `t${made.length}` };
    },
  });
  const closeTicket = defineTool({
    name: 'close_ticket',
    title: 'Close ticket',
    description: 'Closes a ticket.',
    effect: 'delete',
    input: z.strictObject({ id: z.string(), keep: z.boolean().default(false) }),
    output: z.object({}),
    undoes: ({ id, keep }) => (keep ? undefined : `ticket:${id}`),
    run: async () => ({}),
  });
  function addressOf(owner: string): string {
    asked.push(owner);
    const address = owners.get(owner);
    if (address === undefined) throw new Error('no such owner');
    return address;
  }
  const store = openMemoryStore();
  return { made, asked, owners, engine: () => testEngine({ tools: [createTicket, closeTicket], store }) };
}

const idOf = (answer: Parameters<typeof resultOf>[0]): string => (resultOf(answer).result as { id: string }).id;

test('replays a call whose canonical form is equal, and asks the upstream once, also after it has changed', async () => {
  const { made, asked, owners, engine } = tracker();
  const first = await engine().call('create_ticket', { owner: 'u1', tags: ['a', 'b'] });
  owners.set('u1', 'other@example.com');
  for (const owner of ['u1', 'ada@example.com']) {
    const again = resultOf(await engine().call('create_ticket', { owner, tags: ['b', 'a'] }));
    expect([again.replayed, again.result]).toEqual([true, resultOf(first).result]);
  }
  expect([made, asked]).toEqual([['u1'], ['u1']]);
});

test('refuses a call whose canonical form cannot be made, and executes nothing', async () => {
  const { made, engine } = tracker();
  const refused = refusalOf(await engine().call('create_ticket', { owner: 'nobody', tags: [] }));
  expect(refused.code).toBe('operation_failed');
  expect(refused.message).toMatch(/what the arguments mean: no such owner\. Nothing was executed\./);
  expect(made).toEqual([]);
});

test('gives the advice of the tool in a conflict', async () => {
  const { engine } = tracker();
  await engine().call('create_ticket', { owner: 'u1', tags: [], text: 'One' });
  const refused = refusalOf(await engine().call('create_ticket', { owner: 'u1', tags: [], text: 'Two' }));
  expect(refused).toMatchObject({ code: 'idempotency_conflict', fields: ['text'] });
  expect(refused.message).toContain('To change its text, call update_ticket.');
});

test('ends the window of the create that an undo names, whatever its text, and of no other', async () => {
  const { made, engine } = tracker();
  const [one, two] = [
    { owner: 'u1', tags: ['one'] },
    { owner: 'u1', tags: ['two'] },
  ];
  const first = await engine().call('create_ticket', one);
  await engine().call('create_ticket', two);
  await engine().call('close_ticket', { id: idOf(first), keep: true });
  expect(resultOf(await engine().call('create_ticket', one)).replayed).toBe(true);
  await engine().call('close_ticket', { id: idOf(first) });
  const { call } = engine();
  expect(resultOf(await call('create_ticket', { ...one, text: 'Again' })).replayed).toBe(false);
  expect(resultOf(await call('create_ticket', { ...one, text: 'Again' })).replayed).toBe(true);
  expect(resultOf(await call('create_ticket', two)).replayed).toBe(true);
  expect(made).toHaveLength(3);
});

test('leaves a create with the key of a host as it is', async () => {
  const { made, engine } = tracker();
  const ticket = { owner: 'u1', tags: [] };
  const first = await engine().call('create_ticket', ticket, { hostKey: 'k' });
  await engine().call('close_ticket', { id: idOf(first) });
  expect(resultOf(await engine().call('create_ticket', ticket, { hostKey: 'k' })).replayed).toBe(true);
  expect(made).toHaveLength(1);
});

test('undoes for its own caller only', async () => {
  const { engine } = tracker();
  const ticket = { owner: 'u1', tags: [] };
  const first = await engine().call('create_ticket', ticket);
  await engine().call('close_ticket', { id: idOf(first) }, { scope: { tenant: 'default', subject: 'other' } });
  expect(resultOf(await engine().call('create_ticket', ticket)).replayed).toBe(true);
});
