import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkLinks } from '../../site/.vitepress/check-links.mjs';
import { sidebarOf } from '../../site/.vitepress/sidebar.mjs';
import { temporaryFolder } from '../support/temporary.ts';
import { pagesIn, root } from './markdown.ts';

/** Writes a built site and checks its links. */
function check(files: Readonly<Record<string, string>>): void {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  checkLinks(folder, '/base/');
}

describe('the check of the built site', () => {
  const guide = '<h2 id="a-b">A b</h2> <a href="../index.html">start</a> <a href="#a-b">here</a>';

  test('accepts links to pages, files and headings that exist', () => {
    const index = '<a href="/base/guides/x.html#a-b">x</a> <a href="https://example.com/#y">y</a> <img src="a.svg">';
    expect(() => check({ 'index.html': index, 'guides/x.html': guide, 'a.svg': '' })).not.toThrow();
  });

  test.each([
    ['page', '<a href="guides/y.html">y</a>'],
    ['heading of another page', '<a href="/base/guides/x.html#a">x</a>'],
    ['heading of its own page', '<a href="#none">x</a>'],
    ['picture', '<img src="/base/a.svg">'],
  ])('refuses a link to a missing %s', (_, index) => {
    expect(() => check({ 'index.html': index, 'guides/x.html': guide })).toThrow(/dead links:\nindex\.html: /);
  });
});

test('the sidebar has every page of every folder once', () => {
  const links = sidebarOf(join(root, 'docs')).flatMap(
    ({ items, link }) => link ?? items?.map((item) => item.link) ?? [],
  );
  const pages = pagesIn('docs').filter((page) => !page.endsWith('README.md'));
  expect(links.sort()).toEqual(pages.map((page) => page.slice('docs'.length, -'.md'.length)).sort());
});
