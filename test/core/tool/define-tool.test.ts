import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv';
import { describe, expect, test } from 'vitest';
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

/** Defines a tool as a file that no compiler has seen may. */
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
  throw new Error('it was taken');
}

describe('a definition that is not right is refused, with the part named', () => {
  test.each([
    [{ identiy: () => 1 }, 'Tool "create_thing": "identiy" is no part of a tool; did you mean "identity"?'],
    [{ windowMS: 5 }, 'did you mean "window"?'],
    [{ windowMs: 5 }, '"windowMs" is now called "window".'],
    [{ lookupLagMs: 5 }, '"lookupLagMs" is now called "lookupLag".'],
    [{ title: undefined }, 'it needs title'],
    [{ run: undefined }, 'it needs run'],
    [{ identity: 'what' }, 'identity must be a function'],
    [{ input: { type: 'object' } }, 'input must be a schema of zod 4'],
    [{ name: 'create thing' }, 'its name must be'],
    [{ effect: 'craete' }, 'effect must be one of read, create, update, replace, delete; did you mean "create"?'],
    [{ match: 'identicall' }, 'did you mean "identical"?'],
    [{ recovery: ['resnd'] }, 'recovery must be one of resend, natural, reconcile, refuse; did you mean "resend"?'],
    [{ onDuplicate: 'aks' }, 'onDuplicate must be one of replay, ask; did you mean "ask"?'],
    [{ onDuplicate: 'ask', match: 'same-call' }, 'onDuplicate "ask" needs match "identical".'],
    [{ window: '24 h' }, 'window must be a number of milliseconds, 0 or more, or a text such as "90s" or "24h".'],
    [{ window: Number.NaN }, 'window must be'],
    [{ window: -1 }, 'window must be'],
    [{ lookupLag: Infinity }, 'lookupLag must be'],
  ])('%j', (changes, expected) => {
    expect(problemOf(changes)).toContain(expected);
  });

  test.each([
    [{ memory: Number.NaN }, 'The client "c": memory must be a number of milliseconds, 0 or more'],
    [{ memoryMs: 0 }, 'The client "c": "memoryMs" is now called "memory".'],
  ])('defineClient refuses %j', (changes, expected) => {
    const upstream = () => ({ origin: 'o', mode: 'test', account: 'a' });
    const definition = { name: 'c', env: z.object({}), upstream, open: () => ({}), ...changes };
    expect(() => defineClient(definition)).toThrow(expect.objectContaining({ code: 'tool_invalid' }));
    expect(() => defineClient(definition)).toThrow(expected);
  });

  test('takes durations as texts', () => {
    expect(define({ window: '1.5h', lookupLag: '90s' })).toMatchObject({ windowMs: 5_400_000, lookupLagMs: 90_000 });
  });
});

describe('an argument that is not known', () => {
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
    [{ cc: 'private' }, '', '"cc" is not known (there are: memo, to, lines, customer)'],
  ])('%j is named, with the field that was probably meant, and without its value', (given, path, message) => {
    const issues = issuesOf(given);
    expect(issues).toMatchObject([{ path, message: expect.stringContaining(message) }]);
    expect(JSON.stringify(issues)).not.toContain('private');
  });

  test('may have a long name, of which the beginning is told', () => {
    const [issue] = issuesOf({ ['x'.repeat(5_000)]: 1 });
    expect(issue?.message).toMatch(/^"x{64}" is not known/);
  });
});

test('a result that the tool takes for its output satisfies the schema that clients check it by', () => {
  const tool = define({ output: z.object({ id: z.string(), count: z.int().default(0) }) });
  const validate = new AjvJsonSchemaValidator().getValidator(tool.outputSchema as never);
  for (const result of [{ id: 'x' }, { id: 'x', count: 1 }, { id: 'x', more: 'than is declared' }]) {
    expect(tool.acceptsOutput(result)).toBe(true);
    expect(validate(result)).toMatchObject({ valid: true });
  }
  expect(tool.acceptsOutput({})).toBe(false);
  expect(validate({})).toMatchObject({ valid: false });
});

describe('where a client says that its effects happen', () => {
  const clientWith = (upstream: unknown) =>
    defineClient({ name: 'c', env: z.object({ KEY: z.string() }), open: () => ({}), upstream: upstream as never });

  test.each([
    ['a part is missing', () => ({ origin: 'o', mode: 'test' }), 'must give origin, mode and account, each a text'],
    [
      'it is a promise',
      async () => ({ origin: 'o', mode: 'test', account: 'a' }),
      'must give origin, mode and account',
    ],
    ['nothing', () => undefined, 'must give origin, mode and account'],
    ['it throws', ({ KEY }: { KEY: string }) => new URL(KEY), 'throws'],
  ])('is refused when it is not there: %s; and nothing of the variables is told', (_, upstream, expected) => {
    const configure = () => clientWith(upstream).configure({ KEY: 'hunter2' });
    expect(configure).toThrow(McpOnceError);
    expect(configure).toThrow(expected);
    expect(configure).not.toThrow(/hunter2/);
  });
});

describe('what a client says of an error', () => {
  const classify = (rule: unknown) => {
    const upstream = () => ({ origin: 'o', mode: 'test', account: 'a' });
    const env = z.object({});
    return defineClient({ name: 'c', env, open: () => ({}), upstream, classify: rule as never }).classify;
  };
  const reset = new Error('reset');

  test.each(['not_executed', 'failed', 'gone', 'unknown'])('%s is taken as it is', (said) => {
    expect(classify(() => said)(reset)).toBe(said);
  });

  test.each([
    ['a word that is none of the four', () => 'fialed'],
    ['a promise', async () => 'failed'],
    ['true', () => true],
    ['an exception', () => assertNever()],
  ])('%s is no answer: the effect is not known', (_, rule) => {
    expect(classify(rule)(reset)).toBe('unknown');
  });

  test('undefined leaves it to the default', () => {
    expect(classify(() => undefined)(Object.assign(reset, { code: 'ECONNREFUSED', syscall: 'connect' }))).toBe(
      'not_executed',
    );
    expect(classify(undefined)(new Error('reset'))).toBe('unknown');
  });
});

function assertNever(): never {
  throw new Error('the rule fails');
}
