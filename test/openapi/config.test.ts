import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { openApiSchema } from '../../src/openapi/config.ts';

function problemsOf(settings: Record<string, unknown>): string[] {
  const parsed = openApiSchema.safeParse({ document: 'api.json', ...settings });
  return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`);
}

test.each(['$TOKEN', 'Bearer $' + '{TOKEN', 'a$b', '$' + '{1TOKEN}', '$' + '{}', '$' + '{GOOD} $BAD'])(
  'a header value %j is refused, which says how a variable is written, and not the value',
  (value) => {
    const [problem = '', ...more] = problemsOf({ headers: { 'X-Api': value } });
    expect(more).toEqual([]);
    expect(problem).toMatch(
      /^headers\.X-Api contains a "\$" that does not begin a variable. Write a variable as \$\{NAME\}/,
    );
    expect(problem).not.toContain(value);
  },
);

test.each(['$' + '{TOKEN}', 'Bearer $' + '{A_1} and $' + '{B}', '5$', '$5', 'US$ 7', ''])(
  'a header value may be %j',
  (value) => {
    expect(problemsOf({ headers: { 'X-Api': value } })).toEqual([]);
  },
);

test('a document is a path, a web address, stdin or a file: URL, which becomes its path', () => {
  for (const document of ['api.json', '-', 'https://a.example/api.json', '/tmp/a b.json']) {
    expect(openApiSchema.parse({ document }).document).toBe(document);
  }
  for (const scheme of ['file:', 'FILE:']) {
    const document = pathToFileURL('/tmp/a b.json').href.replace('file:', scheme);
    expect(openApiSchema.parse({ document }).document).toBe('/tmp/a b.json');
  }
});

test.each([
  ['ftp://a.example/api.json', /^document has the scheme "ftp", which is not supported: give a path/],
  ['http://a.example:99999/', /^document is not a valid URL/],
  ['file://other.example/api.json', /^document is a file: URL that does not name a file on this machine/],
])('a document cannot be %s', (document, message) => {
  expect(problemsOf({ document })).toEqual([expect.stringMatching(message)]);
});
