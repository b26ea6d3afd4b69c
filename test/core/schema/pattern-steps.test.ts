import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { patternSteps } from '../../../src/core/schema/pattern-steps.ts';
import { boundedCpuMs, cpuTimer } from '../../support/cpu-time.ts';

describe('the steps of a pattern', () => {
  test.each([
    ['^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$', 36],
    ['^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', 36],
    ['^\\d{4}-\\d{2}-\\d{2}$', 10],
    ['^[a-z0-9-]+$', 100],
    ['^(draft|open|paid|void)$', 10],
    ['^\\p{L}+$', 100],
    ['^[A-Z]{2}\\d{2}[A-Z0-9]{1,30}$', 34],
    ['^#?[0-9a-fA-F]{6}$', 7],
    ['', 100],
  ])('are few for %s', (source, chars) => {
    expect(patternSteps(source)(chars)).toBeLessThan(50_000);
  });

  test.each([
    ['^([a-z0-9]+-?)+$', 48],
    ['^(a+)+$', 30],
    ['(a|a|a|a)*b', 16],
    [`^${'(a|a|a|a)'.repeat(30)}b$`, 31],
    ['^(a|b|ab)*c$', 40],
    ['a*a*a*a*b', 1_000],
    ['(?=(a+)+b)', 40],
    [`${'x?'.repeat(50)}y`, 50],
    ['^(?:x{0,1000}){2}y$', 1_000],
  ])('are many for %.30s', (source, chars) => {
    expect(patternSteps(source)(chars)).toBeGreaterThan(1_000_000);
  });

  test.each(['(a)\\1', '(?<x>a)\\k<x>', '(?i:a)', '(', '[a', 'a)', '\\', '*', 'x'.repeat(1_001)])(
    'are not known for %.20s',
    (source) => {
      expect(patternSteps(source)(1)).toBe(Number.POSITIVE_INFINITY);
    },
  );

  test('bound the time of any pattern that the estimate allows', () => {
    const atom = fc.constantFrom(
      'a',
      'b',
      '.',
      '[ab]',
      '\\w',
      '^',
      '$',
      '\\b',
      '(?:',
      '(',
      ')',
      '|',
      '*',
      '+',
      '?',
      '{2}',
      '{0,3}',
    );
    fc.assert(
      fc.property(fc.array(atom, { maxLength: 14 }), fc.constantFrom('', '!', 'b'), (atoms, end) => {
        const source = atoms.join('');
        const text = `${'a'.repeat(40)}${end}`;
        if (patternSteps(source)(text.length) > 50_000) return;
        let pattern: RegExp;
        try {
          pattern = new RegExp(source, 'u');
        } catch {
          return;
        }
        const usedCpuMs = cpuTimer();
        pattern.test(text);
        expect(usedCpuMs()).toBeLessThan(boundedCpuMs);
      }),
      { numRuns: 2_000 },
    );
  });
});
