import { expect, test } from 'vitest';
import { readPage } from './markdown.ts';

test('the page of the clients has a complete row of each client, and nothing is hidden from a model', () => {
  const rows = [...readPage('docs/reference/clients.md').matchAll(/^\| (.+) \|$/gm)].map(([, row = '']) =>
    row.split('|').map((cell) => cell.trim()),
  );
  const [headings = [], , ...clients] = rows;
  expect(clients).toHaveLength(6);
  for (const cells of clients) {
    expect(cells).toHaveLength(headings.length);
    expect(cells[1]).toMatch(/^\d+\.\d+\.\d+$/);
    expect(new Set(cells.slice(3))).toEqual(new Set(['yes']));
  }
});
