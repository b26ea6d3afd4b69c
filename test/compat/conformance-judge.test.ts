import { expect, test } from 'vitest';
import { judge, unmet } from './conformance/judge.mjs';

const check = (id: string, status: string, more = {}) => ({ id, status, ...more });
const checksOf = (...entries: [scenario: string, check: ReturnType<typeof check>][]) =>
  new Map(entries.map(([scenario, own]) => [`${scenario}/${own.id}`, own]));
const exceptions = [
  { scenario: 'whole', reason: 'r' },
  { scenario: 'part', checks: ['b'], reason: 'r' },
  { scenario: 'elsewhere', runs: ['other'], reason: 'r' },
];
const faultsOf = (...entries: Parameters<typeof checksOf>) => judge('run', checksOf(...entries), exceptions).faults;

test('the judge counts a passed check as passed and a listed exception as not applicable', () => {
  const checks = checksOf(
    ['plain', check('a', 'SUCCESS')],
    ['plain', check('note', 'INFO')],
    ['whole', check('a', 'FAILURE')],
    ['whole', check('wire-schema-valid', 'SUCCESS')],
    ['part', check('a', 'SUCCESS')],
    ['part', check('b', 'SKIPPED')],
  );
  expect(judge('run', checks, exceptions)).toEqual({ passed: ['plain', 'part'], excepted: ['whole'], faults: [] });
  expect(unmet([checks], exceptions)).toEqual(['elsewhere']);
});

test.each(['FAILURE', 'WARNING', 'SKIPPED'])('control: the judge reports a %s that is not listed', (status) => {
  expect(faultsOf(['plain', check('a', status, { errorMessage: 'why' })])).toEqual([`plain/a: ${status}: why`]);
  expect(faultsOf(['part', check('b', 'FAILURE')], ['part', check('a', status)])).toHaveLength(1);
  expect(faultsOf(['elsewhere', check('a', status)])).toHaveLength(1);
});

test('control: the judge reports a listed exception that passes', () => {
  expect(faultsOf(['whole', check('a', 'SUCCESS')])).toEqual(['whole is listed as not applicable, and passed']);
  expect(faultsOf(['part', check('b', 'SUCCESS')])).toEqual(['part/b is listed as not applicable, and passed']);
});

test('control: the judge reports a message that violates the schema in any scenario', () => {
  const wrong = check('wire-schema-valid', 'FAILURE', { errorMessage: 'why' });
  expect(faultsOf(['whole', check('a', 'FAILURE')], ['whole', wrong])).toEqual([
    'whole/wire-schema-valid: FAILURE: why',
  ]);
});

test('control: the judge reports a scenario that passes without the text of its tool', () => {
  const refused = { isError: true, content: [{ type: 'text', text: 'There is no such tool.' }] };
  for (const id of ['tools-call-simple-text', 'tools-call-error']) {
    expect(faultsOf([id, check(id, 'SUCCESS', { details: { result: refused } })])).toEqual([
      expect.stringContaining('passed with another text'),
    ]);
  }
  const right = { content: [{ type: 'text', text: 'This is a simple text response for testing.' }] };
  expect(
    faultsOf(['tools-call-simple-text', check('tools-call-simple-text', 'SUCCESS', { details: { result: right } })]),
  ).toEqual([]);
});
