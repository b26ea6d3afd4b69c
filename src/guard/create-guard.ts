import type { Answer } from '../call/types.ts';
import { McpOnceError } from '../errors.ts';
import { REPEAT_TOKEN_FIELD } from '../key/arguments.ts';
import { render } from '../mcp/render.ts';
import type { GuardEngine } from './engine.ts';
import { Operations, operationOf, signalOf } from './operations.ts';
import { checkProtectOptions, checkScope, type GuardSettings } from './options.ts';
import { contentOf, describedTool, type GuardTool, guardTool, policiesFor } from './policy.ts';
import { protectServer } from './protect.ts';
import { type ScopeRule, scopeFor, scopeOrRefusal } from './scope.ts';
import { serverParts } from './server-shape.ts';
import type { Guard, GuardedTool, RunOutcome } from './types.ts';

const neverAborts = new AbortController().signal;

/** The guard over its engine. */
export function createGuard(engine: GuardEngine, settings: GuardSettings): Guard {
  const operations = new Operations();
  const { fallbackScope: fallback } = settings;
  const { shared } = engine;
  const rule: ScopeRule = { scope: settings.scope, fallback, shared };
  const protectedServers = new WeakSet<object>();
  const toolOf = (tool: string | GuardedTool, results: GuardTool['results'] = 'value'): GuardTool => {
    const { policy, ...described } = describedTool(tool);
    // What a function answers is a value and what a handler answers is content: neither may replay the other's.
    const origin = results === 'content' ? 'mcp' : 'function';
    const upstream = { origin, mode: 'local', account: settings.programName };
    const policies = [...policiesFor(described.name, settings.tools), policy];
    return guardTool({ ...described, policies, upstream, results });
  };
  const handlers = new Map<string, WrappedHandler>();
  return Object.freeze<Guard>({
    protect(server, options = {}) {
      const { tools, name, scope } = checkProtectOptions(options);
      const parts = serverParts(server);
      if (protectedServers.has(parts.low)) {
        throw new McpOnceError('configuration_invalid', 'protect(server): this server is protected already.');
      }
      protectedServers.add(parts.low);
      const account = name ?? settings.name ?? parts.name ?? settings.programName;
      protectServer({
        engine,
        operations,
        parts,
        upstream: { origin: 'mcp', mode: 'local', account },
        policies: [settings.tools, tools],
        rule: { scope: scope ?? settings.scope, fallback, shared },
      });
    },
    operation: (extra) => operations.find(extra),
    wrap(described, handler) {
      const tool = toolOf(described, 'content');
      handlers.set(tool.name, { tool, handle: (input, context) => handler(input as never, context as never) });
      const guarded = async (input: object, context: object): Promise<unknown> => {
        const { name } = tool;
        const scope = scopeOrRefusal(rule, name, context);
        if ('type' in scope) return render(scope);
        const answer = await engine.handle({
          tool: name,
          arguments: input,
          scope,
          meta: {},
          signal: signalOf(context) ?? neverAborts,
          find: (asked) => (asked === name ? tool : handlers.get(asked)?.tool),
          run: async (asked, stored, run) => {
            const own = ownContext(context);
            operations.begin(own, run);
            const handle = asked === name ? handler : handlers.get(asked)?.handle;
            return contentOf(await handle?.(stored as never, own as never));
          },
        });
        return render(answer);
      };
      // What comes out is the handler's own result, or content in its place, which every such framework takes.
      return (input, context) => guarded(input, context ?? {}) as ReturnType<typeof handler>;
    },
    async run(call, execute) {
      const tool = toolOf(call.tool);
      const { repeatToken, idempotencyKey, signal = neverAborts } = call;
      const answer = await engine.handle({
        tool: tool.name,
        arguments:
          repeatToken === undefined ? call.arguments : { ...call.arguments, [REPEAT_TOKEN_FIELD]: repeatToken },
        scope: call.scope ? checkScope(call.scope) : scopeFor(rule, {}),
        meta: {},
        ...(idempotencyKey === undefined ? {} : { hostKey: idempotencyKey }),
        signal,
        find: (name) => (name === tool.name ? tool : undefined),
        run: (_name, stored, context) => execute(stored as typeof call.arguments, operationOf(context)),
      });
      return outcomeOf(answer);
    },
    close: () => engine.close(),
  });
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

function outcomeOf<Result>(answer: Answer): RunOutcome<Result> {
  const { operation, repeatToken } = answer;
  const told = {
    ...(operation ? { operation: operation.key } : {}),
    ...(repeatToken === undefined ? {} : { repeatToken }),
  };
  if (answer.type === 'result') {
    const when = operation ? { firstExecutedAt: operation.firstExecutedAt } : {};
    return { code: 'succeeded', result: answer.result as Result, replayed: answer.replayed, ...when, ...told };
  }
  const { code, message, retryAfterMs, fields, firstResult } = answer;
  return {
    code,
    message,
    ...told,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(fields ? { fields } : {}),
    ...(firstResult === undefined ? {} : { firstResult }),
  };
}
