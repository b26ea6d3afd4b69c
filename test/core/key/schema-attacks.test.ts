import { describe, expect, test } from 'vitest';
import { prepareArguments } from '../../../src/core/key/arguments.ts';
import { boundedCpuMs, cpuTimer } from '../../support/cpu-time.ts';

function prepare(jsonSchema: Record<string, unknown>, value: unknown) {
  const usedCpuMs = cpuTimer();
  const prepared = prepareArguments(value, { jsonSchema, parse: (given) => ({ ok: true, value: given as never }) });
  expect(usedCpuMs()).toBeLessThan(boundedCpuMs);
  if (!prepared.ok) throw new Error(prepared.message);
  return prepared.forHash;
}

const property = (schema: unknown) => ({ type: 'object', properties: { body: schema } });

/** A schema whose branches multiply: each of 30 levels has three branches, and all lead to the next level. */
function multiplied(word: 'anyOf' | 'oneOf') {
  const levels = Array.from({ length: 30 }, (_, level) => {
    const next = { $ref: `#/$defs/S${level + 1}` };
    return [`S${level}`, { [word]: [next, next, next] }];
  });
  const last = property({ type: 'string', default: 'a' });
  return { ...property({ $ref: '#/$defs/S0' }), $defs: { ...Object.fromEntries(levels), S30: last } };
}

describe('a schema whose branches multiply', () => {
  test.each(['anyOf', 'oneOf'] as const)('leaves the arguments as they are: %s', (word) => {
    const value = { body: { body: null, other: ['x'] } };
    expect(prepare(multiplied(word), value)).toEqual(value);
    expect(prepare(multiplied(word), value)).toEqual(value);
  });

  test('gives the same result whatever was read before', () => {
    const schema = multiplied('anyOf');
    const whole = { ...schema, properties: { ...schema.properties, a: { default: 1 }, b: { type: 'string' } } };
    const first = prepare(whole, { a: 1, b: null, body: { body: 'a' } });
    prepare(whole, { body: { other: [{ body: 1 }] } });
    expect(prepare(whole, { a: 1, b: null, body: { body: 'a' } })).toEqual(first);
    expect(first).toEqual({ body: { body: 'a' } });
  });

  test('does not multiply with its own depth', () => {
    const branches = Array.from({ length: 12 }, (_, index) => ({
      anyOf: Array.from({ length: 12 }, () => ({ $ref: `#/$defs/n${(index + 1) % 12}` })),
    }));
    const $defs = Object.fromEntries(branches.map((branch, index) => [`n${index}`, branch]));
    const names = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`p${index}`, null]));
    const value = { body: names };
    expect(prepare({ ...property({ $ref: '#/$defs/n0' }), $defs }, value)).toEqual(value);
  });

  test('is read with hundreds of branches', () => {
    const anyOf = Array.from({ length: 400 }, (_, index) =>
      property({ type: 'string', const: `kind${index}`, default: 'x' }),
    );
    expect(prepare({ type: 'object', properties: { one: { anyOf } } }, { one: { body: 'x' } })).toEqual({ one: {} });
  });
});

test('a schema with very many values and parts is read', () => {
  const values = Array.from({ length: 200_000 }, (_, index) => index);
  const allOf = Array.from({ length: 200_000 }, () => ({}));
  expect(prepare({ ...property({ enum: values }), allOf }, { body: 1 })).toEqual({ body: 1 });
});
