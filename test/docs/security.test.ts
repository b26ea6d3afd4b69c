import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { pagesIn, root } from './markdown.ts';

const page = readFileSync(join(root, 'docs/concepts/security.md'), 'utf8');
const named = [...new Set(page.match(/test\/[\w./-]+\.test\.ts/g))];

describe('the security page', () => {
  test('names tests that exist, which npm run attack runs', () => {
    expect(named.length).toBeGreaterThan(30);
    expect(named.filter((file) => !existsSync(join(root, file)))).toEqual([]);
    expect(readFileSync(join(root, 'scripts/attack.mjs'), 'utf8')).toContain('docs/concepts/security.md');
  });

  test('names a test in every row of its tables of attacks, risks and practices', () => {
    const tables = page.slice(page.indexOf('## What holds')).split('\n');
    const rows = tables.filter((line) => line.startsWith('| ') && !/^\| (?:attack|risk|practice|-+) /.test(line));
    expect(rows.filter((row) => !/`test\//.test(row))).toEqual([]);
  });

  test('is linked from the index of the documentation', () => {
    expect(pagesIn('docs')).toContain('docs/concepts/security.md');
    expect(readFileSync(join(root, 'docs/README.md'), 'utf8')).toContain('concepts/security.md');
  });
});
