import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readPage, root } from './markdown.ts';

/** The messages of refusals, as the generated page lists them. */
const messages = [...readPage('docs/reference/outcome-codes.md').matchAll(/^- (.+)$/gm)].map(([, text = '']) => text);
const sources = readdirSync(join(root, 'src'), { recursive: true })
  .map(String)
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(join(root, 'src', name), 'utf8'))
  .join('\n');

const page = readPage('docs/troubleshooting.md');
const headings = [...page.matchAll(/^### (.+)$/gm)].map(([, heading = '']) => heading);

/** The fixed parts of a heading, between the marks for what differs. */
const partsOf = (heading: string): string[] =>
  heading
    .split('…')
    .map((part) => part.trim())
    .filter((part) => part.length > 2);

test.each(headings)('"%s" consists of texts that the source has', (heading) => {
  const missing = partsOf(heading).filter(
    (part) => !sources.includes(part) && !messages.some((each) => each.includes(part)),
  );
  expect(missing).toEqual([]);
});

describe('every message of a refusal has a heading', () => {
  // Messages that consist of a detail from elsewhere have no text of their own.
  const own = messages.filter((text) => text.startsWith('TOOL: ') && !/^TOOL: (DETAIL|executed)\./.test(text));
  test.each(own)('%s', (message) => {
    expect(
      headings.filter(
        (heading) => partsOf(heading).length > 0 && partsOf(heading).every((part) => message.includes(part)),
      ),
    ).not.toEqual([]);
  });
});

/** Returns the texts of a source file that are printed, without what differs (`…`). */
function textsOf(source: string): string[] {
  const code = source.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  const literals = code.matchAll(/(['"`])((?:(?!\1)[^\n\\]|\\.)*)\1/g);
  return [...literals].map(([, , text = '']) => text.replace(/\$\{[^}]*\}/g, '…'));
}

/** Messages that begin with the detail of another message, and add only whether anything was executed. */
const addsToAnother = /^…[.:]? ?…?[.:]? Nothing was executed\.|^Tool …: …\./;

describe('every other message that says whether anything was executed has a heading', () => {
  const texts = textsOf(sources).filter((text) => /[^.]\. Nothing was executed\b/.test(text));
  const own = [...new Set(texts)].filter((text) => !addsToAnother.test(text));
  test('the source has such messages', () => expect(own.length).toBeGreaterThan(20));
  test.each(own)('%s', (message) => {
    const found = headings.filter((heading) => {
      const parts = partsOf(heading);
      return parts.length > 0 && parts.every((part) => message.toLowerCase().includes(part.toLowerCase()));
    });
    expect(found).not.toEqual([]);
  });
});

describe('every refusal of a request head has a heading', () => {
  const calls = readFileSync(join(root, 'src/http/request-head.ts'), 'utf8').matchAll(/return refused\(([^;]+)\);/g);
  const own = [...calls].flatMap(([, argument = '']) => textsOf(argument));
  test.each(own)('%s', (message) => {
    expect(
      headings.filter(
        (heading) => partsOf(heading).length > 0 && partsOf(heading).every((part) => message.includes(part)),
      ),
    ).not.toEqual([]);
  });
});

test('every heading says cause, effect and next step', () => {
  const entries = page.split(/^### /m).slice(1);
  const incomplete = entries.filter(
    (entry) => !['**Cause:**', '**Executed:**', '**Next:**'].every((part) => entry.includes(part)),
  );
  expect(incomplete).toEqual([]);
});
