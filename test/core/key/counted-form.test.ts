import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseJson } from '../../../src/core/exact-json.ts';
import { prepareArguments } from '../../../src/core/key/arguments.ts';
import { canonicalize } from '../../../src/core/key/canonical-json.ts';
import { ARGUMENT_LIMITS, inspectJson } from '../../../src/core/key/check-json.ts';
import { countedForm } from '../../../src/core/key/counted-form.ts';

function textOf(json: string): string {
  return canonicalize(countedForm(parseJson(json, 0)));
}

describe('the counted form', () => {
  test.each([
    ['[1.10,2.0,-0,1E2,0.0000001]', '[1.1,2,0,100,1e-7]'],
    ['[1e20,1.0e400,12345678901234567890.0]', '[100000000000000000000,10e399,12345678901234567890]'],
    ['{"a":"\\ud800"}', '{"a":"\\uD800"}'],
  ])('is the same for %s and %s', (one, other) => {
    expect(textOf(one)).toBe(textOf(other));
  });

  test.each([
    ['["\\ud800"]', '["\\ud801"]'],
    ['["\\ud800"]', '["\\ufdd1\\"\\\\ud800\\""]'],
    ['{"__proto__":1}', '{"__proto__":2}'],
    ['{"__proto__":1}', '{}'],
    ['{"__proto__":1}', '{"\\ufdd1__proto__":1}'],
    ['{"é":1,"e\\u0301":2}', '{"é":2,"e\\u0301":1}'],
    ['{"\\ud800":1}', '{"\\ud801":1}'],
    ['[1.0]', '["1.0"]'],
    ['[1.10]', '["\\ufdd01.10"]'],
    ['[1e400]', '[1e401]'],
    ['[1e-400]', '[0]'],
    ['[0.1]', '[0.1000000000000000055511151231257827]'],
  ])('differs for %s and %s', (one, other) => {
    expect(textOf(one)).not.toBe(textOf(other));
  });

  test('exists for any JSON, and differs where the JSON differs', () => {
    const name = fc.oneof(
      fc.constantFrom('__proto__', '\uFDD1', '\uFDD1__proto__', '\uD800'),
      fc.string({ unit: 'binary' }),
    );
    const { any } = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 3 },
        name,
        fc.integer(),
        fc.array(tie('any'), { maxLength: 3 }),
        fc.array(fc.tuple(name, tie('any')), { maxLength: 3 }).map((members) => Object.fromEntries(members)),
      ),
    }));
    fc.assert(
      fc.property(any, any, (one, other) => {
        const [a, b] = [one, other].map((each) => canonicalize(countedForm(each), { unicode: 'verbatim' }));
        const isSame = canonicalText(one) === canonicalText(other);
        expect(a === b).toBe(isSame);
      }),
    );
  });
});

/** JSON text with sorted members, which keeps half a surrogate pair. */
function canonicalText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalText)}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}:${canonicalText(member)}`);
  return `{${members.sort()}}`;
}

test('only arguments that need it are changed before they are hashed', () => {
  for (const plain of ['{"a":1.5,"é":"ü😀"}', '{"e\\u0301":1}'])
    expect(inspectJson(parseJson(plain, 0), ARGUMENT_LIMITS)).toEqual({ fault: undefined, isUnusual: false });
  for (const unusual of ['{"a":1.50}', '["\\ud800"]', '{"__proto__":1}', '{"é":1,"e\\u0301":2}', '["\\ufdd1"]'])
    expect(inspectJson(parseJson(unusual, 0), ARGUMENT_LIMITS)).toEqual({ fault: undefined, isUnusual: true });
  const deep = JSON.parse('['.repeat(65) + ']'.repeat(65));
  expect(inspectJson(deep, ARGUMENT_LIMITS).fault?.reason).toContain('deeper');
});

describe('a tool that judges its arguments itself', () => {
  const jsonSchema = {
    type: 'object',
    properties: { n: { type: 'number' }, in: { type: 'object', properties: { n: {} }, additionalProperties: false } },
    additionalProperties: false,
  };
  const prepared = (text: string, undeclared: 'drop' | 'pass' = 'pass') =>
    prepareArguments(parseJson(text, 0), {
      jsonSchema,
      options: { undeclared },
      parse: (value) => ({ ok: true, value: value as Record<string, unknown> }),
      sent: (given) => given,
    });

  test('gets its arguments unchanged, and equal ones have one hash', () => {
    const [one, two, other] = ['{"n":1.10}', '{"n":"1.1"}', '{"n":1.11}'].map((text) => prepared(text));
    expect(one).toMatchObject({ ok: true, arguments: parseJson('{"n":1.10}', 0), forHash: { n: 1.1 } });
    expect(two).toMatchObject({ ok: true, arguments: { n: '1.1' }, forHash: { n: 1.1 } });
    expect(other).toMatchObject({ ok: true, forHash: { n: 1.11 } });
  });

  test.each([
    ['{"n":1.10,"x":1}', '{"n":1.10}'],
    ['{"n":2.0,"in":{"n":[3.0,{}],"x":1}}', '{"n":2.0,"in":{"n":[3.0,{}]}}'],
    ['{"in":"{ \\"n\\": 1.10, \\"x\\": 2 }"}', '{"in":"{\\"n\\":1.10}"}'],
    ['{"in":"{ \\"n\\": 1.10 }","x":1}', '{"in":"{ \\"n\\": 1.10 }"}'],
    ['{"in":"{ x","x":1}', '{"in":"{ x"}'],
  ])('gets %s without what a rule drops, and else as it came', (text, sent) => {
    expect(prepared(text, 'drop')).toMatchObject({ ok: true, arguments: parseJson(sent, 0) });
  });
});
