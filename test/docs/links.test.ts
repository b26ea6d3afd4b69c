import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { anchorsOf, pagesIn, proseOf, root } from './markdown.ts';

const pages = ['README.md', 'AGENTS.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'examples/README.md', ...pagesIn('docs')];

/** Returns the targets of the relative links of a page. */
function linksOf(page: string): string[] {
  const targets = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return targets.filter((target) => !/^[a-z]+:/i.test(target));
}

describe.each(pages)('%s', (page) => {
  test('links to files and headings that exist', () => {
    const broken = linksOf(page).filter((target) => {
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? page : relative(root, join(root, dirname(page), path));
      if (!existsSync(join(root, file))) return true;
      return anchor !== undefined && !anchorsOf(file).has(anchor);
    });
    expect(broken).toEqual([]);
  });
});

test('the index links to every page', () => {
  const linked = new Set(linksOf('docs/README.md').map((target) => join('docs', target)));
  const missing = pagesIn('docs').filter(
    (page) => !/^docs\/(README|decisions\/\d.*)\.md$/.test(page) && !linked.has(page),
  );
  expect(missing).toEqual([]);
});
