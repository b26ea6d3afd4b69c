import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv';
import { describe, expect, test } from 'vitest';
import { refusalMessage, resultNote } from '../../src/core/call/messages.ts';
import {
  type OperationInfo,
  type OutcomeCode,
  type RefusalDetails,
  type RefusalOutcome,
  type RefusalReason,
  type ResultOutcome,
  refusal as refusalFor,
} from '../../src/core/call/outcome.ts';
import { defineTool, z } from '../../src/index.ts';
import { OUTCOME_META, render } from '../../src/server/render.ts';

const tool = defineTool({
  name: 'create_thing',
  title: 'Create thing',
  description: 'Creates a thing.',
  effect: 'create',
  input: z.object({}),
  output: z.object({ id: z.string(), total: z.int() }),
  run: async () => ({ id: 'x', total: 1 }),
});
const operation: OperationInfo = {
  key: '0d3a6d3e-8a55-8c1e-9a3f-000000000001',
  tool: 'create_thing',
  generation: 2,
  attempt: 1,
  firstExecutedAt: '2026-01-02T03:04:05.678Z',
};
const first: ResultOutcome = { type: 'result', tool, result: { total: 1, id: 'x' }, replayed: false, operation };
const replay: ResultOutcome = { ...first, replayed: true, repeatToken: 'r1.1.2.abc.def' };

const reasons = {
  idempotency_conflict: { type: 'conflict', sharedBy: 'operation', first: 'ended' },
  idempotency_in_flight: { type: 'in_flight', what: 'same_operation' },
  outcome_unknown: { type: 'outcome_unknown', detail: 'it timed out' },
  ledger_unavailable: { type: 'ledger_unavailable' },
  invalid_input: { type: 'invalid_arguments', detail: '/total must be a number' },
  operation_failed: { type: 'failed', detail: 'no such account' },
  operation_incomplete: { type: 'incomplete', detail: 'no such account' },
  result_not_kept: { type: 'result_not_kept', executed: 'before', detail: 'it has 9 bytes' },
  invalid_repeat_token: { type: 'invalid_repeat_token', problem: 'forged' },
  invalid_request_state: { type: 'invalid_request_state' },
  input_required: { type: 'not_answered', requests: ['account'] },
  unknown_tool: { type: 'unknown_tool', known: [] },
  record_unreadable: { type: 'record_unreadable' },
  too_many_calls: { type: 'too_many_calls', holder: 'subject' },
  too_many_records: { type: 'too_many_records', holder: 'tenant' },
  cancelled: { type: 'caller_left', isGuarded: true },
} as const satisfies Record<OutcomeCode, RefusalReason>;
const refusal = (code: OutcomeCode, details: RefusalDetails = {}): RefusalOutcome =>
  refusalFor('create_thing', reasons[code], details);
const texts = (answer: ReturnType<typeof render>): string[] =>
  answer.content.map((item) => (item.type === 'text' ? item.text : item.type));

test('renders a question as an InputRequiredResult of MCP 2026-07-28, with its outcome in _meta', () => {
  const schema = { type: 'object', properties: {} };
  const requests = { again: { message: 'Again?', schema } };
  const asked = { type: 'input_required', tool: 'create_thing', about: 'again', requests } as const;
  expect(render({ ...asked, requestState: 'q1.s', operation })).toEqual({
    resultType: 'input_required',
    inputRequests: {
      again: { method: 'elicitation/create', params: { message: 'Again?', requestedSchema: schema } },
    },
    requestState: 'q1.s',
    _meta: { 'mcp-once/outcome': expect.objectContaining({ code: 'input_required', operation: operation.key }) },
  });
});

describe('a result', () => {
  test('renders as structured content and as JSON text, and matches the output schema', () => {
    const rendered = render(first);
    expect(rendered).toEqual({
      content: [{ type: 'text', text: '{"total":1,"id":"x"}' }],
      structuredContent: { total: 1, id: 'x' },
      _meta: {
        'mcp-once/outcome': {
          code: 'succeeded',
          replayed: false,
          operation: operation.key,
          firstExecutedAt: operation.firstExecutedAt,
          generation: 2,
          attempt: 1,
        },
      },
    });
    const validate = new AjvJsonSchemaValidator().getValidator(tool.outputSchema as never);
    expect(validate(rendered.structuredContent).valid).toBe(true);
    expect(CallToolResultSchema.safeParse(rendered).success).toBe(true);
  });

  test('says how an unknown outcome was recovered', () => {
    expect(render({ ...first, recovered: 'reconcile' })._meta?.[OUTCOME_META]).toMatchObject({
      recovered: 'reconcile',
    });
  });

  test('passes content through, with the note of a replay after it and the outcome beside its own _meta', () => {
    const image = { type: 'image', data: 'AAAA', mimeType: 'image/png' };
    const result = { content: [image], structuredContent: { a: 1 }, _meta: { theirs: true }, unknown: 'field' };
    const contentTool = { ...tool, results: 'content' as const };
    const rendered = render({ ...first, tool: contentTool, result });
    expect(rendered).toMatchObject({ structuredContent: { a: 1 }, _meta: { theirs: true }, unknown: 'field' });
    expect(rendered.structuredContent).toEqual({ a: 1 });
    expect(rendered.content).toEqual([image]);
    const repeated = render({ ...replay, tool: contentTool, result });
    expect(repeated.content[0]).toEqual(image);
    expect(texts(repeated)[1]).toContain('r1.1.2.abc.def');
    expect(repeated._meta?.[OUTCOME_META]).toMatchObject({ replayed: true });
    expect(CallToolResultSchema.safeParse(repeated).success).toBe(true);
  });

  test('renders as JSON when an operator resolved it with the API response, and unchanged as the first of a conflict', () => {
    const contentTool = { ...tool, results: 'content' as const };
    expect(render({ ...replay, tool: contentTool, result: { id: 7 } })).toMatchObject({
      content: [{ type: 'text', text: '{"id":7}' }, { type: 'text' }],
      structuredContent: { id: 7 },
    });
    const content = [{ type: 'text', text: 'made' }];
    const conflict = render(refusal('idempotency_conflict', { firstResult: { content } }));
    expect(texts(conflict)[1]).toBe('made');
  });

  test('has no operation when the call is not guarded', () => {
    const { operation: _, ...unguarded } = first;
    expect(render(unguarded)._meta).toEqual({ [OUTCOME_META]: { code: 'succeeded', replayed: false } });
  });

  test.each([
    [[1, 2], '[1,2]'],
    ['text', '"text"'],
    [null, 'null'],
    [undefined, 'null'],
    [5, '5'],
  ])('renders as text alone when it is not an object (%j)', (result, json) => {
    const rendered = render({ ...first, result });
    expect(texts(rendered)).toEqual([json]);
    expect(rendered).not.toHaveProperty('structuredContent');
  });

  test('renders as text alone when the tool has no output schema', () => {
    const { outputSchema: _, ...plain } = tool;
    expect(render({ ...first, tool: plain })).not.toHaveProperty('structuredContent');
  });
});

describe('a replay', () => {
  test('says how to try again after an error, and that the error may hide an effect', () => {
    const failed = { content: [{ type: 'text', text: 'no such file' }], isError: true };
    const [, note] = texts(render({ ...replay, tool: { ...tool, results: 'content' }, result: failed }));
    expect(note).toMatch(/not executed now: as it was then.*Check first, then add repeat_token "r1\.1\.2/);
  });

  test('has the same structured content, before its notice, and first text as the first result, byte for byte', () => {
    const [a, b] = [render(first), render(replay)];
    const { mcp_once: notice, ...rest } = b.structuredContent as Record<string, unknown>;
    expect(JSON.stringify(rest)).toBe(JSON.stringify(a.structuredContent));
    expect(Object.keys(b.structuredContent ?? {}).at(-1)).toBe('mcp_once');
    expect(notice).toEqual({ replayed: true, note: texts(b)[1], repeat_token: 'r1.1.2.abc.def' });
    expect(JSON.stringify(b.content[0])).toBe(JSON.stringify(a.content[0]));
    expect(b.isError).toBeUndefined();
  });

  test('keeps its bytes with an own __proto__ and its order of keys', () => {
    const result: unknown = JSON.parse('{"z":1,"__proto__":{"a":1},"a":2}');
    const rendered = render({ ...replay, result });
    expect(JSON.stringify(rendered.structuredContent)).toMatch(/^\{"z":1,"__proto__":\{"a":1\},"a":2,"mcp_once":\{/);
    expect(texts(rendered)[0]).toBe('{"z":1,"__proto__":{"a":1},"a":2}');
  });

  test('tells the model that nothing was executed, when it was, and how to repeat it on purpose', () => {
    const note = texts(render(replay))[1];
    expect(note).toContain('not executed now: as it was then; it may have changed since');
    expect(note).toContain('2026-01-02T03:04Z');
    expect(note).toContain('repeat_token "r1.1.2.abc.def"');
    expect(render(replay)._meta?.[OUTCOME_META]).toMatchObject({ replayed: true, repeatToken: 'r1.1.2.abc.def' });
  });

  test('offers no second operation without a repeat token', () => {
    const { repeatToken: _, ...withoutToken } = replay;
    const rendered = render(withoutToken);
    expect(texts(rendered)[1]).not.toContain('repeat_token');
    expect(rendered.structuredContent?.mcp_once).toEqual({ replayed: true, note: texts(rendered)[1] });
  });

  test.each([
    ['a result', {}],
    ['an error', { result: { content: [], isError: true } }],
    ['a declined question', { declined: true }],
    ['an argument that was not compared', { notCompared: ['request_id'] }],
  ])('has a note of at most 200 characters for %s, with the longest repeat token', (_what, part) => {
    const repeatToken = `r1.999999999.999999999.${'k'.repeat(22)}.${'m'.repeat(22)}`;
    const note = resultNote({ ...replay, ...part, repeatToken });
    expect(note).toMatch(/may have changed since\./);
    expect(note.length).toBeLessThanOrEqual(200);
  });

  test('has the next repeat token when the call executed a later occurrence, and says so', () => {
    const rendered = render({ ...first, repeatToken: 'r1.2.2.abc.def' });
    expect(texts(rendered)[1]).toMatch(/^Executed now, as an operation of its own\. .*"r1\.2\.2\.abc\.def"\.$/);
    const notice = { replayed: false, note: texts(rendered)[1], repeat_token: 'r1.2.2.abc.def' };
    expect(rendered.structuredContent).toEqual({ total: 1, id: 'x', mcp_once: notice });
  });

  test('has a note in the text alone where the output schema is not widened', () => {
    const rendered = render(replay, 'text');
    expect(rendered.structuredContent).toEqual({ total: 1, id: 'x' });
    expect(texts(rendered)[1]).toContain('repeat_token');
  });

  test('keeps the mcp_once of a tool that declares it, and has its note in the text alone', () => {
    const outputSchema = { type: 'object', properties: { mcp_once: { type: 'string' } } };
    const rendered = render({ ...replay, tool: { ...tool, outputSchema }, result: { mcp_once: 'theirs' } });
    expect(rendered.structuredContent).toEqual({ mcp_once: 'theirs' });
    expect(texts(rendered)[1]).toContain('Replayed');
  });

  test('loses a mcp_once that the tool does not declare, on the first execution and as a replay', () => {
    const forged = { id: 'x', mcp_once: { replayed: true, note: 'forged' } };
    expect(render({ ...first, result: forged }).structuredContent).toEqual({ id: 'x' });
    const content = { content: [], structuredContent: forged };
    const contentTool = { ...tool, results: 'content' as const };
    expect(render({ ...first, tool: contentTool, result: content }).structuredContent).toEqual({ id: 'x' });
    expect(render({ ...replay, tool: contentTool, result: content }).structuredContent).toMatchObject({
      mcp_once: { note: expect.stringMatching(/^Replayed/) },
    });
  });
});

describe('a refusal', () => {
  const codes = Object.keys(reasons) as OutcomeCode[];

  test.each(codes)('renders %s as an error result with message and code', (code) => {
    const rendered = render(refusal(code));
    expect(rendered).toEqual({
      isError: true,
      content: [{ type: 'text', text: refusalMessage(refusal(code)) }],
      _meta: { [OUTCOME_META]: { code, replayed: false } },
    });
    expect(CallToolResultSchema.safeParse(rendered).success).toBe(true);
  });

  test('encloses the first result, the fields and the repeat token of a conflict', () => {
    const rendered = render(
      refusal('idempotency_conflict', { operation, fields: ['memo'], firstResult: { id: 'x' }, repeatToken: 'r1.t' }),
    );
    expect(texts(rendered)).toEqual([
      'create_thing: the same operation was called with other arguments before (memo). Nothing was executed by this call. ' +
        "The first call's result is enclosed. Use it, or call again with the repeat_token if you want a second operation. " +
        'The repeat_token for a second operation is "r1.t".',
      '{"id":"x"}',
    ]);
    expect(rendered._meta?.[OUTCOME_META]).toEqual({
      code: 'idempotency_conflict',
      replayed: false,
      operation: operation.key,
      firstExecutedAt: operation.firstExecutedAt,
      generation: 2,
      attempt: 1,
      fields: ['memo'],
      repeatToken: 'r1.t',
      firstResult: { id: 'x' },
    });
  });

  test('has the first result of a conflict as structured content, with the complete message as its notice', () => {
    const details = { operation, fields: ['memo'], firstResult: { id: 'x' }, repeatToken: 'r1.t' };
    const rendered = render(refusal('idempotency_conflict', { ...details, firstTool: tool }));
    const note = texts(rendered)[0];
    expect(rendered.structuredContent).toEqual({
      id: 'x',
      mcp_once: { replayed: false, conflict: true, note, repeat_token: 'r1.t' },
    });
    expect(note).toMatch(/first call's result is enclosed.*"r1\.t"/);
    const own = { ...tool, outputSchema: { type: 'object', properties: { mcp_once: {} } } };
    expect(render(refusal('idempotency_conflict', { ...details, firstTool: own }))).not.toHaveProperty(
      'structuredContent',
    );
  });

  test('carries a null first result, the retry time, the done steps and the reason for a missing result', () => {
    expect(texts(render(refusal('idempotency_conflict', { firstResult: null })))[1]).toBe('null');
    expect(render(refusal('idempotency_in_flight', { retryAfterMs: 5_000 }))._meta?.[OUTCOME_META]).toMatchObject({
      retryAfterMs: 5_000,
    });
    expect(render(refusal('operation_incomplete', { steps: ['customer'] }))._meta?.[OUTCOME_META]).toMatchObject({
      steps: ['customer'],
    });
    const stub = { reason: 'too_large', message: 'it has 9 bytes' } as const;
    expect(render(refusal('result_not_kept', { stub }))._meta?.[OUTCOME_META]).toMatchObject({ stub });
  });

  test('names at most 50 issues of invalid input to programs', () => {
    const issues = Array.from({ length: 60 }, (_, index) => ({ path: `lines[${index}]`, message: 'is no number' }));
    const outcome = render(refusal('invalid_input', { issues }))._meta?.[OUTCOME_META] as { issues: unknown[] };
    expect(outcome.issues).toHaveLength(50);
  });
});
