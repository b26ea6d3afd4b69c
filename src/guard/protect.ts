import type { RequestId } from '@modelcontextprotocol/sdk/types.js';
import { refusal } from '../core/call/outcome.ts';
import { systemClock } from '../core/clock.ts';
import { describeError, faultFields, NotExecuted } from '../core/errors.ts';
import { isObject } from '../core/json.ts';
import { SessionMemory } from '../core/recognition/session.ts';
import { nearest } from '../core/suggest.ts';
import type { RunContext, Upstream } from '../core/tool/types.ts';
import { Deliveries } from '../server/deliveries.ts';
import { internalError, invalidParams, methodNotFound, urlElicitationRequired } from '../server/jsonrpc-codes.ts';
import { withNoticeSchema } from '../server/notice.ts';
import { render } from '../server/render.ts';
import { inputSchemaOf } from '../server/tool-list.ts';
import type { GuardEngine } from './engine.ts';
import { type ListedTool, ListedTools, readToolList } from './listed-tools.ts';
import type { Operations } from './operations.ts';
import { buildTool, policiesFor, type ToolSource, toContent, type UnboundTool } from './policy.ts';
import { Registrations } from './registrations.ts';
import { callDetails, operationExtra, type RawRequest, type RequestHandler, requestIdOf } from './request.ts';
import { neverScoped, type ScopeRule, scopeOrRefusal, scopeUnknown } from './scope.ts';
import { type ServerShape, wrapHandler } from './server-shape.ts';
import type { GuardPolicies } from './types.ts';

/** What the guard of one server works with. */
export interface Protection {
  readonly engine: GuardEngine;
  readonly operations: Operations;
  readonly server: ServerShape;
  readonly upstream: Upstream;
  /** See `ToolSource`. */
  readonly earlierUpstream: Upstream | undefined;
  readonly policies: readonly (GuardPolicies | undefined)[];
  readonly rule: ScopeRule;
}

/** Puts the guard around a server's `tools/call` and `tools/list`. */
export function protectServer(protection: Protection): void {
  const { server, operations, rule } = protection;
  const { handlers, highLevel, lowLevel } = server;
  if (highLevel && handlers.has('tools/call')) warnOfEarlierTools(protection.engine);
  const sourceOf = (listed: ListedTool): ToolSource => ({
    ...listed,
    policies: policiesFor(listed.name, ...protection.policies),
    upstream: protection.upstream,
    earlierUpstream: protection.earlierUpstream,
    results: 'content',
    ...registrations?.parserOf(listed),
  });
  const checkPolicy = (listed: ListedTool): void => void buildTool(sourceOf(listed));
  const registrations = highLevel && new Registrations(highLevel, operations, checkPolicy);
  let innerList: () => RequestHandler | undefined = () => undefined;
  const tools = new ListedTools({ sourceOf, list: () => innerList() });
  registrations?.onChange(() => tools.markStale());
  const isGuarded = (name: string): boolean => registrations === undefined || registrations.has(name);
  let deliveries: Deliveries | undefined;
  innerList = wrapHandler(handlers, 'tools/list', (inner) => async (request, extra) => {
    return withGuardedSchemas(await inner(request, extra), tools, isGuarded);
  });
  wrapHandler(handlers, 'tools/call', (inner) => async (request, extra) => {
    const name = request.params?.name;
    if (typeof name !== 'string' || !isGuarded(name)) return inner(request, extra);
    const listed = await tools.find(name, extra);
    // A high-level server refuses a tool that it does not list. A low-level server may run it, so it is guarded.
    if (!listed && highLevel) return inner(request, extra);
    const tool = listed ?? tools.unlisted(name);
    if (tool.effect === 'read') return inner(request, extra);
    const guarded = { ...protection, tools, inner, isListed: listed !== undefined, deliveries };
    return guardRequest(guarded, tool, request, extra);
  });
  const { connect } = lowLevel;
  lowLevel.connect = async (transport) => {
    if (registrations) warnOfMisspelt(protection, registrations.names());
    if (neverScoped(rule) && isStdio(transport)) {
      throw scopeUnknown('the store is shared, and a client over stdio has no access token');
    }
    deliveries = isStdio(transport) ? new Deliveries(new SessionMemory(systemClock)) : undefined;
    if (deliveries) watchAnswers(transport, deliveries);
    return connect.call(lowLevel, transport);
  };
}

/** The handlers of tools that exist already cannot be watched, so these tools run without the guard. */
function warnOfEarlierTools({ log }: GuardEngine): void {
  log.warn(
    'protect(server): the server has tools already, and they are not guarded. Call protect(server) before the first registerTool.',
  );
}

/** Warns of a policy whose tool does not exist. It may be meant for another tool, which then has no policy. */
function warnOfMisspelt({ policies, engine }: Protection, names: readonly string[]): void {
  for (const name of policies.flatMap((each) => Object.keys(each ?? {}))) {
    const meant = name.includes('*') || names.includes(name) ? undefined : nearest(name, names);
    if (meant !== undefined) engine.log.warn(`tools: the server has no tool "${name}": did you mean "${meant}"?`);
  }
}

/** Recognises the stdio transport by its class name: the object may come from either SDK, and from any copy of it. */
function isStdio(transport: object): boolean {
  return /stdio/i.test(transport.constructor?.name ?? '');
}

/** The part of a transport by which answers leave. */
interface Sending {
  send(message: { readonly id?: unknown; readonly method?: unknown }, ...rest: unknown[]): Promise<void>;
}

/**
 * Notes the answers that a stdio transport has written. Over HTTP nobody here knows whether an answer arrived, so calls
 * have no session there, and a repeat is replayed.
 */
function watchAnswers(transport: object, deliveries: Deliveries): void {
  const sending = transport as Sending;
  const { send } = sending;
  sending.send = async function (this: Sending, message, ...rest) {
    await send.call(this, message, ...rest);
    if (message.method === undefined) deliveries.written(message.id as RequestId | undefined);
  };
}

/** Adds the argument `repeat_token`, and the notice of a replay in results, to the guarded tools of the server's list. */
function withGuardedSchemas(list: unknown, tools: ListedTools, isGuarded: (name: string) => boolean): unknown {
  const { tools: listed } = readToolList(list);
  const guarded = listed.filter(({ name }) => isGuarded(name));
  const learned = new Map(tools.learn(guarded).map((tool) => [tool.name, tool]));
  const shown = listed.map((each) => {
    const tool = learned.get(each.name);
    if (!tool) return each;
    const isWidened = tool.effect !== 'read' && isObject(each.outputSchema);
    const outputSchema = isWidened ? { outputSchema: withNoticeSchema(each.outputSchema) } : {};
    return { ...each, inputSchema: inputSchemaOf(tool), ...outputSchema };
  });
  return { ...(list as object), tools: shown };
}

/** A request that the guard handles, and the server's own handler. */
interface GuardedRequest extends Protection {
  readonly tools: ListedTools;
  readonly inner: RequestHandler;
  readonly isListed: boolean;
  /** Learns which answers the client has received; undefined where that is not known. */
  readonly deliveries: Deliveries | undefined;
}

/** What a handler answers before it executes anything (a question, for example). The caller gets it unchanged. */
type PassedThrough = { readonly answer: unknown } | { readonly error: unknown };

async function guardRequest(guarded: GuardedRequest, tool: UnboundTool, request: RawRequest, extra: object) {
  const { engine, tools, rule, deliveries } = guarded;
  const params = request.params ?? {};
  if (params.task !== undefined) {
    const detail = 'it is guarded, and a guarded tool does not run as a task';
    return render(refusal(tool.name, { type: 'not_admitted', detail, nextStep: 'Call it without "task"' }));
  }
  const scope = scopeOrRefusal(rule, tool.name, extra);
  if ('type' in scope) return render(scope);
  const passed: PassedThrough[] = [];
  const details = callDetails(params, extra, engine.log);
  try {
    const outcome = await engine.handle({
      tool: tool.name,
      arguments: params.arguments,
      scope,
      ...(deliveries ? { session: deliveries.session } : {}),
      ...details,
      find: (name) => (name === tool.name ? tool : tools.known(name)),
      run: (name, input, context) => {
        const call = { ...request, params: { ...params, name, arguments: input } };
        return runHandler(guarded, call, extra, context, (what) => void passed.push(what));
      },
    });
    const last = passed.at(-1);
    if (last && 'error' in last) throw new PassedError(last.error);
    if (last) return last.answer;
    const id = requestIdOf(extra);
    if (id !== undefined && !details.signal.aborted) deliveries?.expect(id, outcome, details.meta);
    return render(outcome);
  } catch (error) {
    if (error instanceof PassedError) throw error.cause;
    engine.log.warn(`${tool.name}: internal error: ${describeError(error)}`, faultFields(error));
    const message = `${tool.name}: internal error of mcp-once. The ledger has the outcome. Call again with the same arguments to get it.`;
    throw Object.assign(new Error(message), { code: internalError });
  }
}

class PassedError extends Error {
  constructor(cause: unknown) {
    super('passed through', { cause });
  }
}

/** Runs the server's own handler. An error of the author's code stays an error, although the SDKs make a result of it. */
async function runHandler(
  { inner, isListed, operations, engine, server }: GuardedRequest,
  request: RawRequest,
  extra: object,
  context: RunContext,
  pass: (what: PassedThrough) => void,
): Promise<unknown> {
  const own = operationExtra(extra, context.signal, engine.log);
  const run = operations.begin(own, context);
  const answer = await inner(request, own).catch((error: unknown) => {
    // The server refuses a name that it does not know (MCP 2025-11-25, tools, error handling).
    if (isListed || !isUnknownTool(error)) throw error;
    pass({ error });
    throw new NotExecuted(describeError(error));
  });
  if (run.threw) {
    const { error } = run.threw;
    if ((error as { code?: unknown } | null)?.code !== urlElicitationRequired) throw error;
    pass({ error });
    throw new NotExecuted('it asks for a URL to be opened first');
  }
  if (server.highLevel && !run.invoked) throw new NotExecuted(refusalText(answer));
  if ((answer as { resultType?: unknown } | null)?.resultType === 'input_required') {
    pass({ answer });
    throw new NotExecuted('it asks the caller for more input');
  }
  return toContent(answer);
}

function isUnknownTool(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === invalidParams || code === methodNotFound;
}

/** Returns why a server refused a call before it ran the tool. */
function refusalText(answer: unknown): string {
  const [first] = toContent(answer).content as readonly { text?: unknown }[];
  return typeof first?.text === 'string' ? first.text : 'the server refused it';
}
