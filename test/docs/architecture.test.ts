import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { callPaths } from '../../scripts/call-path.mjs';

const page = readFileSync(new URL('../../docs/contributing/architecture.md', import.meta.url), 'utf8');

/** The files that the page names for a kind of call. */
function documented(kind: 'first call' | 'replay'): string[] {
  const rows = [...page.matchAll(/^\| `([^`]+\.ts)` +\| ([a-z, ]+?) +\|$/gm)];
  return rows.flatMap(([, file = '', runsIn = '']) => (runsIn.split(', ').includes(kind) ? [file] : [])).sort();
}

test('the architecture page lists exactly the files that a call crosses', async () => {
  const { first, replay } = await callPaths();
  expect(documented('first call')).toEqual(first);
  expect(documented('replay')).toEqual(replay);
  expect(page).toContain(`A first call crosses ${first.length} files, a replay ${replay.length}.`);
});
