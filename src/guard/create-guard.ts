import { refusalMessage } from '../core/call/messages.ts';
import { McpOnceError } from '../core/errors.ts';
import { defined } from '../core/json.ts';
import { REPEAT_TOKEN_FIELD } from '../core/key/arguments.ts';
import { withoutUndefined } from '../core/key/canonical-json.ts';
import type { Upstream } from '../core/tool/types.ts';
import { render } from '../server/render.ts';
import type { GuardEngine, GuardOutcome } from './engine.ts';
import { neverAborts, Operations, operationOf, signalOf } from './operations.ts';
import { checkProtectOptions, checkScope, commonProgram, type GuardSettings } from './options.ts';
import { buildTool, policiesFor, splitTool, toContent, type UnboundTool } from './policy.ts';
import { protectServer } from './protect.ts';
import { type ScopeRule, scopeFor, scopeOrRefusal } from './scope.ts';
import { markProtected, readServerShape } from './server-shape.ts';
import type { Guard, GuardedTool, Operation, ProtectOptions, RunCall, RunOutcome } from './types.ts';

/** The context of a guard that each call needs. */
interface GuardContext {
  readonly engine: GuardEngine;
  readonly settings: GuardSettings;
  readonly operations: Operations;
  readonly rule: ScopeRule;
  readonly handlers: Map<string, WrappedHandler>;
}

/** Creates a guard over its engine. */
export function createGuard(engine: GuardEngine, settings: GuardSettings): Guard {
  const operations = new Operations();
  const { fallbackScope: fallback } = settings;
  const rule: ScopeRule = { scope: settings.scope, fallback, shared: engine.shared };
  const context: GuardContext = { engine, settings, operations, rule, handlers: new Map() };
  return Object.freeze<Guard>({
    protect: (server, options = {}) => protect(context, server, options),
    operation: (extra) => operations.find(extra),
    wrap: (tool, handler) => {
      const guarded = wrap(context, tool, (input, extra) => handler(input as never, extra as never));
      // Resolves with the handler's result or with MCP content in its place. Such a framework accepts both.
      return (input, extra) => guarded(input, extra ?? {}) as ReturnType<typeof handler>;
    },
    run: (call, execute) => run(context, call, execute),
    close: () => engine.close(),
  });
}

function protect(context: GuardContext, server: object, options: ProtectOptions): void {
  const { engine, settings, operations, rule } = context;
  const { tools, name, scope } = checkProtectOptions(options);
  const shape = readServerShape(server);
  markProtected(shape);
  const upstreamOf = (account: string): Upstream => ({ origin: 'mcp', mode: 'local', account });
  const { account, earlier } = serverAccount(settings, name ?? settings.name, shape.name);
  protectServer({
    engine,
    operations,
    server: shape,
    upstream: upstreamOf(account),
    earlierUpstream: earlier === undefined ? undefined : upstreamOf(earlier),
    policies: [settings.tools, tools],
    rule: { ...rule, scope: scope ?? settings.scope },
  });
}

function toolOf(
  { settings }: GuardContext,
  described: string | GuardedTool,
  results: 'value' | 'content',
): UnboundTool {
  const { policy, ...tool } = splitTool(described);
  // A function returns a value and a handler returns content. Neither may replay the other's result.
  const origin = results === 'content' ? 'mcp' : 'function';
  const upstreamOf = (account: string): Upstream => ({ origin, mode: 'local', account });
  const { account, earlier } = functionAccount(settings);
  return buildTool({
    ...tool,
    policies: [...policiesFor(tool.name, settings.tools), policy],
    upstream: upstreamOf(account),
    earlierUpstream: earlier === undefined ? undefined : upstreamOf(earlier),
    results,
  });
}

/** The name of a program in its keys, and the name that earlier versions gave to it. */
interface Account {
  readonly account: string;
  readonly earlier?: string | undefined;
}

/**
 * Names a server without an explicit name. Two programs may have servers of the same name, so the name includes the package.
 * @throws McpOnceError `configuration_invalid`
 */
function serverAccount(settings: GuardSettings, explicit: string | undefined, server: string | undefined): Account {
  if (explicit !== undefined) return { account: explicit };
  const own = server ?? programNameOf(settings);
  const { packageName, script, storeIsShared } = settings;
  if (packageName === undefined && storeIsShared) throw needsName();
  return { account: `${packageName ?? script}:${own}`, earlier: own };
}

/** Names the program of functions and wrapped handlers. @throws McpOnceError `configuration_invalid` */
function functionAccount(settings: GuardSettings): Account {
  const own = programNameOf(settings);
  const { name, packageName } = settings;
  // A script's path names its program already.
  const isNamed = name !== undefined || own !== commonProgram || packageName === undefined;
  return isNamed ? { account: own } : { account: `${packageName}:${own}`, earlier: own };
}

/** @throws McpOnceError `configuration_invalid` */
function programNameOf({ programName }: GuardSettings): string {
  if (programName !== undefined) return programName;
  throw needsName();
}

function needsName(): McpOnceError {
  return new McpOnceError(
    'configuration_invalid',
    'The store is shared, so these tools need the name of their program. Nothing was executed. Pass guard({ name }), the same name on all machines.',
  );
}

function wrap(context: GuardContext, described: string | GuardedTool, handle: WrappedHandler['handle']) {
  const { engine, operations, rule, handlers } = context;
  const tool = toolOf(context, described, 'content');
  const { name } = tool;
  const own: WrappedHandler = { tool, handle };
  handlers.set(name, own);
  const handlerOf = (called: string): WrappedHandler | undefined => (called === name ? own : handlers.get(called));
  return async (input: object, extra: object): Promise<unknown> => {
    const scope = scopeOrRefusal(rule, name, extra);
    if ('type' in scope) return render(scope);
    const answer = await engine.handle({
      tool: name,
      arguments: input,
      scope,
      meta: {},
      signal: signalOf(extra) ?? neverAborts,
      find: (called) => handlerOf(called)?.tool,
      run: async (called, stored, runContext) => {
        const copy = copyIfPlain(extra);
        operations.begin(copy, runContext);
        return toContent(await handlerOf(called)?.handle(stored as object, copy));
      },
    });
    // The framework lists the output schema of this tool, and may refuse a member that the schema does not have.
    return structuredClone(render(answer, 'text'));
  };
}

const needsFunction =
  'once.run needs the function that executes the call: once.run({ tool, arguments }, (input) => ...). Nothing was executed.';

async function run<Input extends object, Result>(
  context: GuardContext,
  call: RunCall<Input>,
  execute: (input: Input, operation: Operation) => Result | Promise<Result>,
): Promise<RunOutcome<Result>> {
  // Checked before the claim, because a claim whose run cannot begin would leave the outcome of the operation unknown.
  if (typeof execute !== 'function') throw new McpOnceError('configuration_invalid', needsFunction);
  const tool = toolOf(context, call.tool, 'value');
  const { repeatToken, idempotencyKey, signal = neverAborts } = call;
  // JSON has no undefined: every writer of JSON leaves such a property out.
  const given = withoutUndefined(call.arguments) as object;
  const answer = await context.engine.handle({
    tool: tool.name,
    arguments: repeatToken === undefined ? given : { ...given, [REPEAT_TOKEN_FIELD]: repeatToken },
    scope: call.scope ? checkScope(call.scope) : scopeFor(context.rule, {}),
    meta: {},
    ...defined({ hostKey: idempotencyKey }),
    signal,
    find: (name) => (name === tool.name ? tool : undefined),
    run: async (_name, stored, runContext) => execute(stored as Input, operationOf(runContext)),
  });
  return outcomeOf(answer);
}

/** A wrapped handler. The call of one tool may recover the operation of another, and then runs that tool's handler. */
interface WrappedHandler {
  readonly tool: UnboundTool;
  handle(input: object, extra: object): Promise<unknown>;
}

/** Copies a plain object, so that two calls which share an argument are still two operations. */
function copyIfPlain(extra: object): object {
  const prototype: unknown = Object.getPrototypeOf(extra);
  return prototype === Object.prototype || prototype === null ? { ...extra } : extra;
}

/** Copies the results: the ledger passes one record to all callers. */
function outcomeOf<Result>(outcome: GuardOutcome): RunOutcome<Result> {
  const { operation, repeatToken } = outcome;
  const common = defined({ operation: operation?.key, repeatToken });
  if (outcome.type === 'result') {
    const { replayed } = outcome;
    const result = structuredClone(outcome.result) as Result;
    const when = defined({ firstExecutedAt: operation?.firstExecutedAt });
    return { code: 'succeeded', result, replayed, ...when, ...common };
  }
  const { code, retryAfterMs, fields, firstResult } = outcome;
  const details = defined({ retryAfterMs, fields, firstResult: structuredClone(firstResult) });
  return { code, message: refusalMessage(outcome), ...common, ...details };
}
