import { describe, expect, test } from 'vitest';
import type { Tool } from '../../src/core/tool/types.ts';
import { paramHeaderFault } from '../../src/http/param-headers.ts';
import { defineTool, z } from '../../src/index.ts';

const header = (name: unknown) => ({ 'x-mcp-header': name });

function toolOf(input: z.ZodObject): Tool {
  return defineTool({
    name: 'send',
    title: 'Send',
    description: 'Sends.',
    effect: 'create',
    input,
    output: z.object({}),
    run: async () => ({}),
  });
}

const tool = toolOf(
  z.object({
    region: z.string().meta(header('Region')),
    count: z.int().optional().meta(header('Count')),
    is_urgent: z.boolean().optional().meta(header('Urgent')),
    to: z.object({ city: z.string().meta(header('City')) }).optional(),
    note: z.string().optional(),
  }),
);
const fault = (args: unknown, headers: Record<string, string>, of = tool) =>
  paramHeaderFault(of, args, new Headers(headers));

describe('headers that repeat arguments', () => {
  test.each([
    ['as it is', { region: 'eu west' }, { 'mcp-param-region': 'eu west' }],
    ['in Base64', { region: 'Zürich' }, { 'mcp-param-region': '=?base64?WsO8cmljaA==?=' }],
    ['what only begins as Base64 does', { region: '=?base64?QQ==' }, { 'mcp-param-region': '=?base64?QQ==' }],
    ['a number in another way', { count: 42 }, { 'mcp-param-count': '42.0' }],
    ['a boolean', { is_urgent: false }, { 'mcp-param-urgent': 'false' }],
    ['within an argument', { to: { city: 'Bern' } }, { 'mcp-param-city': 'Bern' }],
    ['none for what is not declared', { note: 'x' }, {}],
    ['none for null', { region: null }, {}],
    ['one more than there are arguments', {}, { 'mcp-param-region': 'eu' }],
    ['none for what the schema refuses', { region: { a: 1 }, to: 'x' }, {}],
    ['none for arguments that are none', 'region', {}],
  ])('right: %s', (_what, args, headers) => {
    expect(fault(args, headers as Record<string, string>)).toBeUndefined();
  });

  test.each([
    ['missing', { region: 'secret' }, {}, /Region is missing/],
    ['another value', { region: 'secret' }, { 'mcp-param-region': 'false claim' }, /Region has another value/],
    ['another case', { region: 'eu' }, { 'mcp-param-region': 'EU' }, /Region has another value/],
    ['Base64 without its padding', { region: 'Hello' }, { 'mcp-param-region': '=?base64?SGVsbG8?=' }, /not Base64/],
    ['what is no Base64', { region: 'Hello' }, { 'mcp-param-region': '=?base64?SGVs!!!bG8=?=' }, /not Base64/],
    [
      'Base64 of what is no UTF-8',
      { region: 'Hello' },
      { 'mcp-param-region': '=?base64?/w==?=' },
      /not Base64 of UTF-8/,
    ],
    ['another number', { count: 42 }, { 'mcp-param-count': '43' }, /Count has another value/],
    ['a number that is none', { count: 0 }, { 'mcp-param-count': '' }, /Count has another value/],
    ['within an argument', { to: { city: 'Bern' } }, {}, /City is missing/],
  ])('wrong: %s', (_what, args, headers, expected) => {
    const found = fault(args, headers as Record<string, string>);
    expect(found).toMatch(expected);
    expect(found).not.toMatch(/secret|false claim|Hello|Bern/);
  });

  test.each([
    ['a name that is no token', z.object({ a: z.string().meta(header('a b')) })],
    ['a name that is no text', z.object({ a: z.string().meta(header(1)) })],
    ['the same name twice', z.object({ a: z.string().meta(header('X')), b: z.string().meta(header('x')) })],
    ['a list', z.object({ a: z.array(z.string()).meta(header('A')) })],
  ])('a tool that declares one wrongly asks for none: %s', (_what, input) => {
    expect(fault({ a: 'x', b: 'y' }, {}, toolOf(input))).toBeUndefined();
  });
});
