import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

export const readPage = (page: string): string => readFileSync(join(root, page), 'utf8');

/** Returns the pages below a folder, as paths from the root. */
export function pagesIn(folder: string): string[] {
  const names = readdirSync(join(root, folder), { recursive: true }).map(String);
  return names.filter((name) => name.endsWith('.md')).map((name) => join(folder, name).replaceAll('\\', '/'));
}

/** One fenced block of a page. */
export interface Block {
  readonly page: string;
  /** The line of its opening fence, from 1. */
  readonly line: number;
  readonly language: string;
  readonly text: string;
  /** The HTML comment directly before the block; empty without one. */
  readonly comment: string;
}

export function blocksOf(page: string): Block[] {
  const text = readPage(page);
  return [...text.matchAll(/^( *)```(\w*)[^\n]*\n([\s\S]*?)^\1```$/gm)].map(
    ({ index, 2: language = '', 3: body = '' }) => {
      const before = text.slice(0, index);
      const [, comment = ''] = /<!-- ((?:(?!-->)[\s\S])*) -->\s*$/.exec(before) ?? [];
      return { page, line: before.split('\n').length, language, text: body, comment };
    },
  );
}

/** Returns a page without its fenced blocks. */
export function proseOf(page: string): string {
  return readPage(page).replace(/^( *)```[\s\S]*?^\1```$/gm, '');
}

/** Returns the anchors of a page's headings, as GitHub makes them. */
export function anchorsOf(page: string): Set<string> {
  const counts = new Map<string, number>();
  const headings = [...proseOf(page).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => {
    const slug = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M} _-]/gu, '')
      .replace(/ /g, '-');
    const count = counts.get(slug) ?? 0;
    counts.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  });
  return new Set(headings);
}
