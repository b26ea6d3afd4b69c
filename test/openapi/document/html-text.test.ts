import { expect, test } from 'vitest';
import { htmlToText } from '../../../src/openapi/document/html-text.ts';

test.each([
  [
    '<p>Creates a <strong>charge</strong>.</p>\n\n<p>See <a href="/docs">the docs</a>.</p>',
    'Creates a charge.\n\nSee the docs.',
  ],
  ['Fields:<ul><li>a &amp; b</li><li><code>c&lt;d</code></li></ul>', 'Fields:\n\n- a & b\n- c<d'],
  ['Replace <id> with 5 < 7 &amp; more.', 'Replace <id> with 5 < 7 &amp; more.'],
  ['a<br/>b', 'a\nb'],
])('%j becomes %j', (html, text) => {
  expect(htmlToText(html)).toBe(text);
});
