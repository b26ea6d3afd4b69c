import { messageOf } from '../core/call/messages.ts';
import { McpOnceError } from '../core/errors.ts';
import { REPEAT_TOKEN_FIELD } from '../core/key/arguments.ts';
import { render } from '../server/render.ts';
import type { GuardEngine, GuardOutcome } from './engine.ts';
import { Operations, operationOf, signalOf } from './operations.ts';
import { checkProtectOptions, checkScope, type GuardSettings } from './options.ts';
import { contentOf, describedTool, type GuardTool, guardTool, policiesFor } from './policy.ts';
import { protectServer } from './protect.ts';
import { type ScopeRule, scopeFor, scopeOrRefusal } from './scope.ts';
import { markProtected, serverParts } from './server-shape.ts';
import type { Guard, GuardedTool, Operation, ProtectOptions, RunCall, RunOutcome } from './types.ts';

const neverAborts = new AbortController().signal;

/** What every call of a guard needs. */
interface Parts {
  readonly engine: GuardEngine;
  readonly settings: GuardSettings;
  readonly operations: Operations;
  readonly rule: ScopeRule;
  readonly handlers: Map<string, WrappedHandler>;
}

/** The guard over its engine. */
export function createGuard(engine: GuardEngine, settings: GuardSettings): Guard {
  const operations = new Operations();
  const { fallbackScope: fallback } = settings;
  const rule: ScopeRule = { scope: settings.scope, fallback, shared: engine.shared };
  const parts: Parts = { engine, settings, operations, rule, handlers: new Map() };
  return Object.freeze<Guard>({
    protect: (server, options = {}) => protect(parts, server, options),
    operation: (extra) => operations.find(extra),
    wrap: (tool, handler) => {
      const guarded = wrap(parts, tool, (input, context) => handler(input as never, context as never));
      // What comes out is the handler's own result, or content in its place, which every such framework takes.
      return (input, context) => guarded(input, context ?? {}) as ReturnType<typeof handler>;
    },
    run: (call, execute) => run(parts, call, execute),
    close: () => engine.close(),
  });
}

function protect(parts: Parts, server: object, options: ProtectOptions): void {
  const { engine, settings, operations, rule } = parts;
  const { tools, name, scope } = checkProtectOptions(options);
  const taken = serverParts(server);
  markProtected(taken);
  const account = name ?? settings.name ?? taken.name ?? programNameOf(settings);
  protectServer({
    engine,
    operations,
    parts: taken,
    upstream: { origin: 'mcp', mode: 'local', account },
    policies: [settings.tools, tools],
    rule: { ...rule, scope: scope ?? settings.scope },
  });
}

function toolOf({ settings }: Parts, described: string | GuardedTool, results: 'value' | 'content'): GuardTool {
  const { policy, ...tool } = describedTool(described);
  // What a function answers is a value and what a handler answers is content: neither may replay the other's.
  const origin = results === 'content' ? 'mcp' : 'function';
  const upstream = { origin, mode: 'local', account: programNameOf(settings) };
  return guardTool({ ...tool, policies: [...policiesFor(tool.name, settings.tools), policy], upstream, results });
}

/** @throws McpOnceError `configuration_invalid` */
function programNameOf({ programName }: GuardSettings): string {
  if (programName !== undefined) return programName;
  throw new McpOnceError(
    'configuration_invalid',
    'MCP_ONCE_STORE names a shared store, and it is not known whose tools these are: pass guard({ name }), the same on all machines. Nothing was executed.',
  );
}

function wrap(parts: Parts, described: string | GuardedTool, handle: WrappedHandler['handle']) {
  const { engine, operations, rule, handlers } = parts;
  const tool = toolOf(parts, described, 'content');
  const { name } = tool;
  const own: WrappedHandler = { tool, handle };
  handlers.set(name, own);
  const handlerOf = (asked: string): WrappedHandler | undefined => (asked === name ? own : handlers.get(asked));
  return async (input: object, context: object): Promise<unknown> => {
    const scope = scopeOrRefusal(rule, name, context);
    if ('type' in scope) return render(scope);
    const answer = await engine.handle({
      tool: name,
      arguments: input,
      scope,
      meta: {},
      signal: signalOf(context) ?? neverAborts,
      find: (asked) => handlerOf(asked)?.tool,
      run: async (asked, stored, run) => {
        const copy = ownContext(context);
        operations.begin(copy, run);
        return contentOf(await handlerOf(asked)?.handle(stored as object, copy));
      },
    });
    return structuredClone(render(answer));
  };
}

async function run<Input extends object, Result>(
  parts: Parts,
  call: RunCall<Input>,
  execute: (input: Input, operation: Operation) => Promise<Result>,
): Promise<RunOutcome<Result>> {
  const tool = toolOf(parts, call.tool, 'value');
  const { repeatToken, idempotencyKey, signal = neverAborts } = call;
  const answer = await parts.engine.handle({
    tool: tool.name,
    arguments: repeatToken === undefined ? call.arguments : { ...call.arguments, [REPEAT_TOKEN_FIELD]: repeatToken },
    scope: call.scope ? checkScope(call.scope) : scopeFor(parts.rule, {}),
    meta: {},
    ...(idempotencyKey === undefined ? {} : { hostKey: idempotencyKey }),
    signal,
    find: (name) => (name === tool.name ? tool : undefined),
    run: (_name, stored, context) => execute(stored as Input, operationOf(context)),
  });
  return outcomeOf(answer);
}

/** A handler that was wrapped: the recovery of one tool's operation may be brought about by a call of another. */
interface WrappedHandler {
  readonly tool: GuardTool;
  handle(input: object, context: object): Promise<unknown>;
}

/** A handler's own copy, where it can be copied: two calls that share a context are still two operations. */
function ownContext(context: object): object {
  const prototype: unknown = Object.getPrototypeOf(context);
  return prototype === Object.prototype || prototype === null ? { ...context } : context;
}

/** Results are copies: the ledger hands one record to all who ask. */
function outcomeOf<Result>(answer: GuardOutcome): RunOutcome<Result> {
  const { operation, repeatToken } = answer;
  const told = {
    ...(operation ? { operation: operation.key } : {}),
    ...(repeatToken === undefined ? {} : { repeatToken }),
  };
  if (answer.type === 'result') {
    const when = operation ? { firstExecutedAt: operation.firstExecutedAt } : {};
    const result = structuredClone(answer.result) as Result;
    return { code: 'succeeded', result, replayed: answer.replayed, ...when, ...told };
  }
  const { code, retryAfterMs, fields, firstResult } = answer;
  return {
    code,
    message: messageOf(answer),
    ...told,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(fields ? { fields } : {}),
    ...(firstResult === undefined ? {} : { firstResult: structuredClone(firstResult) }),
  };
}
