import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { linesOfPicture, pictureFile, pictureLines, recordDemo } from '../../scripts/write-picture.mjs';
import { program } from '../support/program.ts';
import { isSoak } from '../support/soak.ts';
import { blocksOf, readPage } from './markdown.ts';

const svg = readFileSync(pictureFile, 'utf8');

/** The lines without the numbers of calls. Calls of one scene may end in any order. */
function comparable(lines: readonly string[]): string[][] {
  const scenes = lines
    .filter((line) => line !== '')
    .join('\n')
    .split(/\n(?=\d)/);
  return scenes.map((scene) =>
    scene
      .replace(/call \d+ got/g, 'call got')
      .split('\n')
      .sort(),
  );
}

// The demo starts dozens of processes.
test.runIf(isSoak)('the picture of the README shows what the demo prints', () => {
  expect(comparable(linesOfPicture(svg)), 'draw it again with: npm run picture').toEqual(
    comparable(pictureLines(recordDemo(program))),
  );
});

test('the picture is small, loads nothing from elsewhere, and has colours for light and dark', () => {
  expect(Buffer.byteLength(svg)).toBeLessThan(60 * 1024);
  expect(svg.replace('xmlns="http://www.w3.org/2000/svg"', '')).not.toMatch(/https?:|@import|<script|<image/);
  expect(svg).toContain('prefers-color-scheme: dark');
});

test.each(['README.md', 'docs/guides/demo.md'])('%s shows the picture', (page) => {
  expect(readPage(page)).toMatch(/!\[[^\]]+\]\((?:docs|\.\.)\/demo\.svg\)/);
});

test('no block of the README is longer than 12 lines, but for the diagram', () => {
  const long = blocksOf('README.md').filter(
    ({ language, text }) => language !== 'mermaid' && text.split('\n').length > 13,
  );
  expect(long).toEqual([]);
});
