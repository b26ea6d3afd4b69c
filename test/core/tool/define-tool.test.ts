import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv';
import { describe, expect, test } from 'vitest';
import { parseJson } from '../../../src/core/exact-json.ts';
import type { ToolDefinition } from '../../../src/core/tool/types.ts';
import { defineClient, defineTool, McpOnceError, z } from '../../../src/index.ts';

const sound = {
  name: 'create_thing',
  title: 'Create thing',
  description: 'Creates a thing.',
  effect: 'create',
  input: z.strictObject({ what: z.string() }),
  output: z.object({ id: z.string() }),
  run: async () => ({ id: 'x' }),
};

/** Defines a tool as an unchecked JavaScript file can. */
function define(changes: Readonly<Record<string, unknown>>) {
  return defineTool({ ...sound, ...changes } as unknown as ToolDefinition<z.ZodObject, z.ZodType, undefined>);
}

function problemOf(changes: Readonly<Record<string, unknown>>): string {
  try {
    define(changes);
  } catch (error) {
    expect(error).toMatchObject({ code: 'tool_invalid' });
    return (error as McpOnceError).message;
  }
  throw new Error('the definition was accepted');
}

describe('a definition', () => {
  test.each([
    [{ identiy: () => 1 }, 'Tool "create_thing": "identiy" is not part of a tool definition; did you mean "identity"?'],
    [{ windowMS: 5 }, 'did you mean "window"?'],
    [{ windowMs: 5 }, '"windowMs" is now called "window".'],
    [{ lookupLagMs: 5 }, '"lookupLagMs" is now called "lookupLag".'],
    [{ title: undefined }, 'title is missing'],
    [{ run: undefined }, 'run is missing'],
    [{ identity: 'what' }, 'identity must be a function'],
    [{ input: { type: 'object' } }, 'input must be a schema of zod 4'],
    [{ name: 'create thing' }, 'its name must be'],
    [{ effect: 'craete' }, 'effect must be one of read, create, update, replace, delete; did you mean "create"?'],
    [{ match: 'identical' }, '"match" is now called "class": write class "create"'],
    [{ match: 'same-call' }, 'write class "state", or "repeatable" for a tool that appends, increments or clicks'],
    [{ class: 'creat' }, 'did you mean "create"?'],
    [{ movesMoney: 'yes' }, 'movesMoney must be true or false'],
    [{ recovery: ['resnd'] }, 'recovery must be one of resend, natural, reconcile, refuse; did you mean "resend"?'],
    [{ onDuplicate: 'aks' }, 'onDuplicate must be one of replay, ask; did you mean "ask"?'],
    [{ onDuplicate: 'ask', class: 'state' }, 'onDuplicate "ask" needs the class "create".'],
    [{ window: '24 h' }, 'window must be a number of milliseconds, 0 or more, or a text such as "90s" or "24h".'],
    [{ window: Number.NaN }, 'window must be'],
    [{ window: -1 }, 'window must be'],
    [{ lookupLag: Infinity }, 'lookupLag must be'],
  ])('is refused with the part named: %j', (changes, expected) => {
    expect(problemOf(changes)).toContain(expected);
  });

  test.each([
    [{ keyMemory: Number.NaN }, 'The client "c": keyMemory must be a number of milliseconds, 0 or more'],
    [{ memoryMs: 0 }, 'The client "c": "memoryMs" is now called "keyMemory".'],
  ])('is refused for a client with the part named: %j', (changes, expected) => {
    const upstream = () => ({ origin: 'o', mode: 'test', account: 'a' });
    const definition = { name: 'c', env: z.object({}), upstream, open: () => ({}), ...changes };
    expect(() => defineClient(definition)).toThrow(expect.objectContaining({ code: 'tool_invalid' }));
    expect(() => defineClient(definition)).toThrow(expected);
  });

  test('may have durations as texts', () => {
    expect(define({ window: '1.5h', lookupLag: '90s' })).toMatchObject({ windowMs: 5_400_000, lookupLagMs: 90_000 });
  });
});

describe('an unknown argument', () => {
  const tool = define({
    input: z.strictObject({
      memo: z.string().optional(),
      to: z.string(),
      lines: z.array(z.strictObject({ unit_amount: z.int(), quantity: z.int().optional() })).optional(),
      customer: z.strictObject({ email: z.string().optional() }).nullable().optional(),
    }),
  });
  const issuesOf = (given: object) => {
    const parsed = tool.input.parse({ to: 'x', ...given });
    return parsed.ok ? [] : parsed.issues;
  };

  test.each([
    [{ memmo: 'private' }, '', '"memmo" is not known (did you mean "memo"?)'],
    [
      { lines: [{ unit_amount: 1, quantitty: 'private' }] },
      'lines[0]',
      '"quantitty" is not known (did you mean "quantity"?)',
    ],
    [{ customer: { emial: 'private' } }, 'customer', 'did you mean "email"?'],
    [{ cc: 'private' }, '', '"cc" is not known (known fields: memo, to, lines, customer)'],
  ])('is named without its value, together with the field that was probably meant: %j', (given, path, message) => {
    const issues = issuesOf(given);
    expect(issues).toMatchObject([{ path, message: expect.stringContaining(message) }]);
    expect(JSON.stringify(issues)).not.toContain('private');
  });

  test('is named by its beginning when its name is long', () => {
    const [issue] = issuesOf({ ['x'.repeat(5_000)]: 1 });
    expect(issue?.message).toMatch(/^"x{64}" is not known/);
  });
});

test('every result that a tool accepts satisfies its output schema', () => {
  const tool = define({ output: z.object({ id: z.string(), count: z.int().default(0) }) });
  const validate = new AjvJsonSchemaValidator().getValidator(tool.outputSchema as never);
  for (const result of [{ id: 'x' }, { id: 'x', count: 1 }, { id: 'x', more: 'than is declared' }]) {
    expect(tool.acceptsOutput(result)).toBe(true);
    expect(validate(result)).toMatchObject({ valid: true });
  }
  expect(tool.acceptsOutput({})).toBe(false);
  expect(validate({})).toMatchObject({ valid: false });
});

describe("an invalid result of a client's upstream(env)", () => {
  const clientWith = (upstream: unknown) =>
    defineClient({ name: 'c', env: z.object({ KEY: z.string() }), open: () => ({}), upstream: upstream as never });

  test.each([
    [
      'without an account',
      () => ({ origin: 'o', mode: 'test' }),
      'must return origin, mode and account, each a string',
    ],
    ['a promise', async () => ({ origin: 'o', mode: 'test', account: 'a' }), 'must return origin, mode and account'],
    ['undefined', () => undefined, 'must return origin, mode and account'],
    ['an exception', ({ KEY }: { KEY: string }) => new URL(KEY), 'throws'],
  ])('is refused without the value of a variable in the message: %s', (_, upstream, expected) => {
    const configure = () => clientWith(upstream).configure({ KEY: 'hunter2' });
    expect(configure).toThrow(McpOnceError);
    expect(configure).toThrow(expected);
    expect(configure).not.toThrow(/hunter2/);
  });
});

describe('the classification of an error by a client', () => {
  const classify = (rule: unknown) => {
    const upstream = () => ({ origin: 'o', mode: 'test', account: 'a' });
    const env = z.object({});
    return defineClient({ name: 'c', env, open: () => ({}), upstream, classify: rule as never }).classify;
  };
  const reset = new Error('reset');

  test.each(['not_executed', 'failed', 'gone', 'unknown'])('is what the rule returns: %s', (said) => {
    expect(classify(() => said)(reset)).toBe(said);
  });

  test.each([
    ['an unknown word', () => 'fialed'],
    ['a promise', async () => 'failed'],
    ['true', () => true],
    ['an exception', () => assertNever()],
  ])('is unknown when the rule gives %s', (_, rule) => {
    expect(classify(rule)(reset)).toBe('unknown');
  });

  test('is the default when the rule returns undefined', () => {
    expect(classify(() => undefined)(Object.assign(reset, { code: 'ECONNREFUSED', syscall: 'connect' }))).toBe(
      'not_executed',
    );
    expect(classify(undefined)(new Error('reset'))).toBe('unknown');
  });

  test('is not_executed for a port that fetch refuses before it connects', async () => {
    const refused = await fetch('http://127.0.0.1:9/').catch((error: unknown) => error);
    expect(classify(undefined)(refused)).toBe('not_executed');
  });
});

function assertNever(): never {
  throw new Error('the rule fails');
}

describe('an invalid argument', () => {
  const tool = define({
    input: z.strictObject({
      to: z.email(),
      count: z.int().min(1).max(5).optional(),
      step: z.number().multipleOf(5).optional(),
      size: z.number().gt(0).lt(9).optional(),
      kind: z.enum(['a', 'b']).optional(),
      only: z.literal('x').optional(),
      tags: z.array(z.string().min(2)).max(2).optional(),
      code: z.string().length(3).optional(),
      when: z.iso.datetime().optional(),
      link: z.url().optional(),
      name: z.string().regex(/^x+$/).optional(),
      start: z.string().startsWith('ab').optional(),
      flag: z.boolean().optional(),
      either: z.union([z.string(), z.number()]).optional(),
      forms: z.union([z.strictObject({ a: z.string() }), z.string().min(3)]).optional(),
      customer: z.strictObject({ email: z.string(), name: z.string() }),
      own: z.string('give your own').optional(),
      custom: z
        .number()
        .refine((value) => value > 3, 'must be more than three')
        .optional(),
      refined: z
        .number()
        .refine((value) => value > 3)
        .optional(),
    }),
  });
  const valid = { to: 'a@b.example', customer: { email: 'e', name: 'n' } };

  test.each([
    [{ to: undefined }, 'to', 'is missing'],
    [{ to: 'private' }, 'to', 'must be an e-mail address'],
    [{ customer: undefined }, 'customer', 'is missing (an object with email, name)'],
    [{ customer: 'private' }, 'customer', 'must be an object (an object with email, name)'],
    [{ customer: { email: 'e' } }, 'customer.name', 'is missing'],
    [{ count: 0 }, 'count', 'must be at least 1'],
    [{ count: 9 }, 'count', 'must be at most 5'],
    [{ count: 1.5 }, 'count', 'must be a whole number'],
    [{ count: 'private' }, 'count', 'must be a number'],
    [{ step: 7 }, 'step', 'must be a multiple of 5'],
    [{ size: 0 }, 'size', 'must be more than 0'],
    [{ size: 9 }, 'size', 'must be less than 9'],
    [{ kind: 'private' }, 'kind', 'must be one of "a", "b"'],
    [{ only: 'private' }, 'only', 'must be "x"'],
    [{ tags: ['aa', 'private'.slice(0, 1)] }, 'tags[1]', 'must have at least 2 characters'],
    [{ tags: ['aa', 'bb', 'cc'] }, 'tags', 'must have at most 2 items'],
    [{ tags: 1 }, 'tags', 'must be a list'],
    [{ code: 'ab' }, 'code', 'must have exactly 3 characters'],
    [{ when: 'private' }, 'when', 'must be a date and time such as 2026-01-31T12:00:00Z'],
    [{ link: 'private' }, 'link', 'must be a URL'],
    [{ name: 'private' }, 'name', 'must match the pattern /^x+$/'],
    [{ start: 'private' }, 'start', 'must start with "ab"'],
    [{ flag: 'private' }, 'flag', 'must be true or false'],
    [{ either: true }, 'either', 'must be text or a number'],
    [{ forms: 1 }, 'forms', 'must be an object or text'],
    [{ forms: { b: 1 } }, 'forms', 'has none of the allowed forms'],
    [{ own: 1 }, 'own', 'give your own'],
    [{ custom: 1 }, 'custom', 'must be more than three'],
    [{ refined: 1 }, 'refined', 'is not valid'],
  ])('is named with what it must be, in words of mcp-once: %j', (given, path, message) => {
    const parsed = tool.input.parse({ ...valid, ...given });
    const issues = parsed.ok ? [] : parsed.issues;
    expect(issues).toEqual([{ path, message }]);
    expect(JSON.stringify(issues)).not.toMatch(/private|received|Invalid/);
  });
});

test('an integer that no JavaScript number carries is refused, because the code of the tool would get another one', () => {
  const tool = define({ input: z.strictObject({ id: z.number(), list: z.array(z.int()).optional() }) });
  const parsed = tool.input.parse(parseJson('{"id":1234567890123456789}'));
  expect(parsed).toMatchObject({ ok: false, issues: [{ path: '/id', message: expect.stringMatching(/as a string/) }] });
  const rounded = tool.input.parse(parseJson('{"id":0.12345678901234567891}'));
  expect(rounded).toStrictEqual({ ok: true, value: { id: 0.12345678901234568 } });
});
