import { describe, expect, test } from 'vitest';
import { boundedCpuMs, cpuTimer } from '../../support/cpu-time.ts';
import { refusalOf, resultOf } from '../../support/engine.ts';
import { serve, startOrders } from './harness.ts';

const slow = '^([a-z0-9]+-?)+$';
const slowText = `${'a'.repeat(48)}!`;
const body = (schema: Record<string, unknown>) => ({
  'post /orders': { requestBody: { required: true, content: { 'application/json': { schema } } } },
});
const order = (properties: Record<string, unknown>, more: Record<string, unknown> = {}) =>
  body({ type: 'object', properties: { item: { type: 'string' }, ...properties }, ...more });

describe('a schema of a document that takes very long', () => {
  test.each([
    ['choices without a quantifier', `${'(a|a|a|a)'.repeat(16)}b`, 'a'.repeat(17)],
    ['a repeated choice', '(a|a|a|a|a|a|a|a|a|a)*b', 'a'.repeat(16)],
    ['nested repetition', slow, slowText],
  ])('delays no call for long and swallows none: %s', async (_name, pattern, note) => {
    const api = await startOrders();
    const { call } = await serve(api, {}, order({ note: { type: 'string', pattern } }));
    const usedCpuMs = cpuTimer();
    expect(resultOf(await call('create_order', { item: 'tea', note })).replayed).toBe(false);
    expect(usedCpuMs()).toBeLessThan(boundedCpuMs);
    expect(resultOf(await call('create_order', { item: 'tea', note })).replayed).toBe(true);
    expect(api.effects).toBe(1);
  });

  test('does not delay each item of a list', async () => {
    const api = await startOrders();
    const tags = { type: 'array', items: { type: 'string', pattern: '^a*a*a*b?$' } };
    const { call } = await serve(api, {}, order({ tags }));
    const usedCpuMs = cpuTimer();
    const given = Array.from({ length: 300 }, () => `${'a'.repeat(400)}!`);
    expect(resultOf(await call('create_order', { item: 'tea', tags: given })).replayed).toBe(false);
    expect(usedCpuMs()).toBeLessThan(boundedCpuMs);
    expect(api.effects).toBe(1);
  });

  test('compares many unique items in time, and still refuses a repeated one', async () => {
    const api = await startOrders();
    const { call } = await serve(api, {}, order({ lines: { type: 'array', uniqueItems: true } }));
    const lines = Array.from({ length: 3_000 }, (_, index) => ({ sku: 'x'.repeat(20), index }));
    const usedCpuMs = cpuTimer();
    const refused = refusalOf(await call('create_order', { item: 'tea', lines: [...lines, lines[0]] }));
    expect(refused.code).toBe('invalid_input');
    expect(usedCpuMs()).toBeLessThan(boundedCpuMs);
    expect(resultOf(await call('create_order', { item: 'tea', lines })).replayed).toBe(false);
    expect(api.effects).toBe(1);
  });

  test('is given up whole, and a call with and without its defaults stays one operation', async () => {
    const api = await startOrders();
    const branches = Array.from({ length: 8 }, () => ({
      properties: { a: { $ref: '#/components/schemas/N' } },
      required: ['b'],
    }));
    const schema = {
      type: 'object',
      required: ['item', 'currency'],
      properties: {
        item: { type: 'string' },
        currency: { type: 'string', default: 'EUR' },
        tree: { $ref: '#/components/schemas/N' },
      },
    };
    const { call, warnings } = await serve(api, {}, body(schema), {
      components: { schemas: { N: { type: 'object', anyOf: branches } } },
    });
    let tree = {};
    for (let depth = 0; depth < 40; depth += 1) tree = { a: tree };
    const usedCpuMs = cpuTimer();
    expect(resultOf(await call('create_order', { item: 'tea', tree })).replayed).toBe(false);
    expect(usedCpuMs()).toBeLessThan(boundedCpuMs);
    expect(resultOf(await call('create_order', { item: 'tea', tree, currency: 'EUR' })).replayed).toBe(true);
    expect(api.writes().map(({ body: sent }) => sent.currency)).toEqual(['EUR']);
    expect(warnings.join()).toMatch(/takes too long. For 10 minutes only the API checks it/);
  });
});
