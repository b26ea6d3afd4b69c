import { expect, test } from 'vitest';
import { UriTemplate } from '../../../src/wrap/relay/uri-template.ts';

const isMatch = (template: string, uri: string, isWide = false): boolean | undefined =>
  UriTemplate.parse(template)?.matches(uri, isWide);

test.each([
  ['db://{table}', 'db://users', 'db://users/rows'],
  ['db://{table}/rows', 'db://a%20b/rows', 'db://users'],
  ['file:///{+path}', 'file:///a/b/c.txt', 'other:///a'],
  ['docs://{path*}', 'docs://a/b', 'doc://a/b'],
  ['a://x{.format}', 'a://x.json', 'a://xjson'],
  ['a://x{.format}', 'a://x', 'a://x/json'],
  ['a://x{/path}', 'a://x/y', 'a://xy'],
  ['a://x{?q,limit}', 'a://x?q=1&limit=2', 'a://x&q=1'],
  ['a://x?fixed=1{&q}', 'a://x?fixed=1&q=2', 'a://x?fixed=1q'],
  ['a://x{#part}', 'a://x#y/z', 'a://xy'],
  ['a://{first}-{second}.txt', 'a://b-c-d.txt', 'a://b.txt'],
  ['a://plain', 'a://plain', 'a://plain2'],
])('%s matches %s, and not %s', (template, uri, other) => {
  expect([isMatch(template, uri), isMatch(template, other)]).toEqual([true, false]);
});

test('matches any text where an expression is wide', () => {
  expect([isMatch('file:///{path}', 'file:///a/b'), isMatch('file:///{path}', 'file:///a/b', true)]).toEqual([
    false,
    true,
  ]);
});

test('says whether the literal text begins with a scheme', () => {
  const hasScheme = ['db://{a}', '{+url}', '{scheme}://x', 'relative/{a}'].map(
    (each) => UriTemplate.parse(each)?.hasScheme,
  );
  expect(hasScheme).toEqual([true, false, false, false]);
});

test.each(['a://{b', 'a://b}', 'a://{b{c}}', `a://${'x'.repeat(1_001)}`, `a://${'{b}'.repeat(11)}`])(
  'does not parse %s',
  (template) => {
    expect(UriTemplate.parse(template)).toBeUndefined();
  },
);

test('takes time in proportion to the URI where a regular expression would take years', () => {
  expect(isMatch(`a://${'{b}'.repeat(10)}!`, `a://${'x'.repeat(2_000)}`)).toBe(false);
});
