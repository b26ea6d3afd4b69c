import { expect, test } from 'vitest';
import { parseJson } from '../../../src/core/exact-json.ts';
import { takeOccurrence } from '../../../src/core/recognition/occurrence.ts';

const tool = {
  class: 'repeatable',
  movesMoney: false,
  input: { jsonSchema: { type: 'object' }, parse: () => ({ ok: false as const, issues: [] }) },
} as const;

test.each(['2', '2.0', '20e-1', '"2"'])('takes the number from %s', (text) => {
  const given = parseJson(`{"occurrence":${text},"n":1.0}`, 0);
  expect(takeOccurrence(tool, given)).toEqual({
    ok: true,
    arguments: parseJson('{"n":1.0}', 0),
    occurrence: 2,
    isNumbered: true,
  });
});

test.each(['0', '1.5', '1e400', '12345678901234567890', '[]', '"2.0"'])('refuses %s', (text) => {
  expect(takeOccurrence(tool, parseJson(`{"occurrence":${text}}`, 0))).toMatchObject({ ok: false });
});
