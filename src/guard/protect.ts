import { refusal } from '../core/call/outcome.ts';
import { describeError, NotExecuted } from '../core/errors.ts';
import { nearest } from '../core/suggest.ts';
import type { RunContext, Upstream } from '../core/tool/types.ts';
import { render } from '../server/render.ts';
import { inputSchemaOf } from '../server/tool-list.ts';
import type { GuardEngine } from './engine.ts';
import type { Operations } from './operations.ts';
import { contentOf, type GuardTool, guardTool, policiesFor, type ToolParts } from './policy.ts';
import { Registrations } from './registrations.ts';
import { callDetails, extraOfOperation, type RawRequest, type RequestHandler } from './request.ts';
import { neverScoped, type ScopeRule, scopeOrRefusal, unscoped } from './scope.ts';
import { aroundHandler, type ServerParts } from './server-shape.ts';
import { type ListedTool, listOf, Shelf } from './shelf.ts';
import type { GuardPolicies } from './types.ts';

/** JSON-RPC's codes for a fault of the server, for arguments and for methods that it does not take. */
const internalError = -32603;
const invalidParams = -32602;
const methodNotFound = -32601;
/** MCP's code for "open this URL first" (2025-11-25, URL elicitation required): nothing was done. */
const urlElicitationRequired = -32042;

export interface Protection {
  readonly engine: GuardEngine;
  readonly operations: Operations;
  readonly parts: ServerParts;
  readonly upstream: Upstream;
  readonly policies: readonly (GuardPolicies | undefined)[];
  readonly rule: ScopeRule;
}

/** Puts the guard around a server's `tools/call` and `tools/list`. */
export function protectServer(protection: Protection): void {
  const { parts, operations, rule } = protection;
  const { handlers, high, low } = parts;
  const partsOf = (listed: ListedTool): ToolParts => ({
    ...listed,
    policies: policiesFor(listed.name, ...protection.policies),
    upstream: protection.upstream,
    results: 'content',
    ...registrations?.parserOf(listed),
  });
  const registrations = high && new Registrations(high, operations, (listed) => void guardTool(partsOf(listed)));
  let innerList: () => RequestHandler | undefined = () => undefined;
  const shelf = new Shelf({ partsOf, list: () => innerList() });
  registrations?.onChange(() => shelf.forget());
  const isOurs = (name: string): boolean => registrations === undefined || registrations.has(name);
  innerList = aroundHandler(handlers, 'tools/list', (inner) => async (request, extra) => {
    return listed(await inner(request, extra), shelf, isOurs);
  });
  aroundHandler(handlers, 'tools/call', (inner) => async (request, extra) => {
    const name = request.params?.name;
    if (typeof name !== 'string' || !isOurs(name)) return inner(request, extra);
    const listedTool = await shelf.find(name, extra);
    // A high-level server refuses what it does not list; a low-level one may serve it, and that is guarded, too.
    if (!listedTool && high) return inner(request, extra);
    const tool = listedTool ?? shelf.unlisted(name);
    if (tool.effect === 'read') return inner(request, extra);
    return answerCall({ ...protection, shelf, inner, isListed: listedTool !== undefined }, tool, request, extra);
  });
  const { connect } = low;
  low.connect = async (transport) => {
    if (registrations) warnOfMisspelt(protection, registrations.names());
    if (neverScoped(rule) && carriesNoToken(transport)) {
      throw unscoped('the store is shared, and a client over stdio has no access token');
    }
    return connect.call(low, transport);
  };
}

/** A policy for a tool that is not there may be meant for one that is, which then goes without it. */
function warnOfMisspelt({ policies, engine }: Protection, names: readonly string[]): void {
  for (const name of policies.flatMap((each) => Object.keys(each ?? {}))) {
    const meant = name.includes('*') || names.includes(name) ? undefined : nearest(name, names);
    if (meant !== undefined) engine.log.warn(`tools: there is no tool "${name}": did you mean "${meant}"?`);
  }
}

/** By its name: either SDK's own, whichever copy. */
function carriesNoToken(transport: object): boolean {
  return /stdio/i.test(transport.constructor?.name ?? '');
}

/** The server's list, with the argument that asks for a second operation where a tool takes it. */
function listed(answer: unknown, shelf: Shelf, isOurs: (name: string) => boolean): unknown {
  const { tools } = listOf(answer);
  const ours = tools.filter(({ name }) => isOurs(name));
  const known = new Map(shelf.learn(ours).map((tool) => [tool.name, tool]));
  const shown = tools.map((each) => {
    const tool = known.get(each.name);
    return tool ? { ...each, inputSchema: inputSchemaOf(tool) } : each;
  });
  return { ...(answer as object), tools: shown };
}

interface Answering extends Protection {
  readonly shelf: Shelf;
  readonly inner: RequestHandler;
  readonly isListed: boolean;
}

/** What a handler says that is no outcome: it goes to the caller as it is, and nothing has been executed. */
type Passed = { readonly answer: unknown } | { readonly error: unknown };

async function answerCall(answering: Answering, tool: GuardTool, request: RawRequest, extra: object): Promise<unknown> {
  const { engine, shelf, rule } = answering;
  const params = request.params ?? {};
  if (params.task !== undefined) {
    const detail = 'it is guarded, and is not run as a task';
    return render(refusal(tool.name, { type: 'not_admitted', detail, nextStep: 'Call it without "task"' }));
  }
  const scope = scopeOrRefusal(rule, tool.name, extra);
  if ('type' in scope) return render(scope);
  let passed: Passed | undefined;
  try {
    const answer = await engine.handle({
      tool: tool.name,
      arguments: params.arguments,
      scope,
      ...callDetails(params, extra, engine.log),
      find: (asked) => (asked === tool.name ? tool : shelf.peek(asked)),
      run: (name, input, context) => {
        const call = { ...request, params: { ...params, name, arguments: input } };
        return runHandler(answering, call, extra, context, (what) => {
          passed = what;
        });
      },
    });
    // Through a function: the compiler does not see that the callback may have set it.
    const said = ((): Passed | undefined => passed)();
    if (said && 'error' in said) throw new PassedError(said.error);
    return said ? said.answer : render(answer);
  } catch (error) {
    if (error instanceof PassedError) throw error.cause;
    engine.log.warn(`${tool.name}: internal fault: ${describeError(error)}`);
    const message = `${tool.name}: an internal fault of mcp-once. Whether it took effect is in the ledger: call again with the same arguments to learn it.`;
    throw Object.assign(new Error(message), { code: internalError });
  }
}

class PassedError extends Error {
  constructor(cause: unknown) {
    super('passed on', { cause });
  }
}

/** One run of the server's own handler: what it threw counts, not what an SDK makes of it. */
async function runHandler(
  { inner, isListed, operations, engine, parts }: Answering,
  request: RawRequest,
  extra: object,
  context: RunContext,
  pass: (what: Passed) => void,
): Promise<unknown> {
  const own = extraOfOperation(extra, context.signal, engine.log);
  const run = operations.begin(own, context);
  const answer = await inner(request, own).catch((error: unknown) => {
    // The server's word for "there is no such tool" (MCP 2025-11-25, tools, error handling), of one that it does not list.
    if (isListed || !isNoSuchTool(error)) throw error;
    pass({ error });
    throw new NotExecuted(describeError(error));
  });
  if (run.threw) {
    const { error } = run.threw;
    if ((error as { code?: unknown } | null)?.code !== urlElicitationRequired) throw error;
    pass({ error });
    throw new NotExecuted('it asks for a URL to be opened first');
  }
  if (parts.high && !run.invoked) throw new NotExecuted(textOf(answer));
  if ((answer as { resultType?: unknown } | null)?.resultType === 'input_required') {
    pass({ answer });
    throw new NotExecuted('it asks the caller for more input');
  }
  return contentOf(answer);
}

function isNoSuchTool(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === invalidParams || code === methodNotFound;
}

/** Why a server refused a call without running the tool. */
function textOf(answer: unknown): string {
  const [first] = contentOf(answer).content as readonly { text?: unknown }[];
  return typeof first?.text === 'string' ? first.text : 'the server refused it';
}
