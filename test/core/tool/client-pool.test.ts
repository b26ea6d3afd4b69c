import { expect, test } from 'vitest';
import { ClientPool } from '../../../src/core/tool/client-pool.ts';
import { defineClient, z } from '../../../src/index.ts';

test('a client pool keeps and closes a client that was opened again, when an earlier open fails later', async () => {
  let fail = (): void => {};
  const failing = new Promise<string>((_, reject) => {
    fail = () => reject(new Error('it did not answer'));
  });
  const opening = [failing, Promise.resolve('second')];
  const closed: string[] = [];
  const client = defineClient({
    name: 'slow',
    env: z.object({}),
    open: () => opening.shift() ?? Promise.reject(new Error('opened once too often')),
    close: (opened) => void closed.push(opened),
    upstream: () => ({ origin: 'test', mode: 'test', account: 'a' }),
    keyMemory: 0,
  });
  const pool = new ClientPool({});
  const early = pool.open(client);
  const retired = pool.retire([client]);
  const late = pool.open(client);
  fail();
  await expect(early).rejects.toThrow('it did not answer');
  await retired;
  expect(await late).toBe('second');
  expect(await pool.open(client)).toBe('second');
  await pool.close();
  expect(closed).toEqual(['second']);
});
