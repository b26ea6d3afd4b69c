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

describe('checking headers that repeat arguments', () => {
  test.each([
    ['plain text', { region: 'eu west' }, { 'mcp-param-region': 'eu west' }],
    ['Base64', { region: 'Zürich' }, { 'mcp-param-region': '=?base64?WsO8cmljaA==?=' }],
    ['text that only begins like Base64', { region: '=?base64?QQ==' }, { 'mcp-param-region': '=?base64?QQ==' }],
    ['a number in another notation', { count: 42 }, { 'mcp-param-count': '42.0' }],
    ['a boolean', { is_urgent: false }, { 'mcp-param-urgent': 'false' }],
    ['a nested argument', { to: { city: 'Bern' } }, { 'mcp-param-city': 'Bern' }],
    ['no header for an undeclared argument', { note: 'x' }, {}],
    ['no header for null', { region: null }, {}],
    ['a header without an argument', {}, { 'mcp-param-region': 'eu' }],
    ['no header for a value that the schema refuses', { region: { a: 1 }, to: 'x' }, {}],
    ['no header for arguments that are not an object', 'region', {}],
  ])('accepts %s', (_what, args, headers) => {
    expect(fault(args, headers as Record<string, string>)).toBeUndefined();
  });

  test.each([
    ['a missing header', { region: 'secret' }, {}, /Region is missing/],
    ['another value', { region: 'secret' }, { 'mcp-param-region': 'false claim' }, /Region has another value/],
    ['another case', { region: 'eu' }, { 'mcp-param-region': 'EU' }, /Region has another value/],
    ['Base64 without its padding', { region: 'Hello' }, { 'mcp-param-region': '=?base64?SGVsbG8?=' }, /not Base64/],
    ['invalid Base64', { region: 'Hello' }, { 'mcp-param-region': '=?base64?SGVs!!!bG8=?=' }, /not Base64/],
    ['Base64 of invalid UTF-8', { region: 'Hello' }, { 'mcp-param-region': '=?base64?/w==?=' }, /not Base64 of UTF-8/],
    ['another number', { count: 42 }, { 'mcp-param-count': '43' }, /Count has another value/],
    ['an empty number', { count: 0 }, { 'mcp-param-count': '' }, /Count has another value/],
    ['a nested argument', { to: { city: 'Bern' } }, {}, /City is missing/],
  ])('refuses %s', (_what, args, headers, expected) => {
    const found = fault(args, headers as Record<string, string>);
    expect(found).toMatch(expected);
    expect(found).not.toMatch(/secret|false claim|Hello|Bern/);
  });

  test.each([
    ['a name that is not a token', z.object({ a: z.string().meta(header('a b')) })],
    ['a name that is not a text', z.object({ a: z.string().meta(header(1)) })],
    ['the same name twice', z.object({ a: z.string().meta(header('X')), b: z.string().meta(header('x')) })],
    ['a list', z.object({ a: z.array(z.string()).meta(header('A')) })],
  ])('requires no headers when a tool declares one incorrectly: %s', (_what, input) => {
    expect(fault({ a: 'x', b: 'y' }, {}, toolOf(input))).toBeUndefined();
  });
});
