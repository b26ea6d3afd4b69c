import { type Clock, within } from '../../core/clock.ts';
import { isDeeperThan, resultDepthMax } from '../../core/depth.ts';
import { describeError } from '../../core/errors.ts';
import { nearestNumbers } from '../../core/exact-json.ts';
import { isObject, type JsonSchema } from '../../core/json.ts';
import { guessAct } from '../../core/tool/class-words.ts';
import type { Tool, ToolLog } from '../../core/tool/types.ts';
import { withVisibleTexts } from '../../core/visible-text.ts';
import { withNoticeSchema } from '../../server/notice.ts';
import { inputSchemaOf } from '../../server/tool-list.ts';
import { filledAt, schemaForModel } from '../policy/filled-arguments.ts';
import { findKeyField } from '../policy/key-field.ts';
import type { ListedServer, ServerPolicy } from '../policy/server-policy.ts';
import type { CallTarget, ForwardedCall, McpTool } from '../policy/types.ts';
import { ServerFault } from './link.ts';
import type { RpcRequest } from './message.ts';
import type { ServerConnection } from './server-connection.ts';

/**
 * Makes the tool that the engine runs for a server's tool, or returns undefined for a tool that is not guarded.
 *
 * @param prefixed the tool's name for the client.
 */
export interface MakeGuardedTool {
  (listed: McpTool, target: CallTarget, prefixed: string, policy?: ServerPolicy): Tool | undefined;
  /** Finds what is known about a public server. */
  readonly policyOf?: (server: ListedServer) => ServerPolicy | undefined;
}

export interface KnownToolsOptions {
  readonly connection: ServerConnection;
  /** Receives the guarded tools' calls. */
  readonly calls: CallTarget;
  readonly guard: MakeGuardedTool;
  /** Whether clients see guarded tools as their server lists them. @defaultValue false */
  readonly observe?: boolean;
  /**
   * Turns a tool's own name into its name for the client.
   *
   * @defaultValue the own name
   */
  readonly prefix?: (name: string) => string;
  readonly clock: Clock;
  readonly log: ToolLog;
}

/** A tool from the server's list, and whether it is guarded. */
interface KnownTool {
  /** Undefined for a tool that was called and is not listed. */
  readonly listed: McpTool | undefined;
  /** The listed tool as JSON. */
  readonly text: string;
  /** The policy by which it was decided. */
  readonly policy: ServerPolicy | undefined;
  readonly tool: Tool | undefined;
  /** The tool as the client sees it. */
  readonly shown: McpTool;
}

const toolsMax = 10_000;
const pagesMax = 1_000;
/** How often a list is read that changes while it is read. */
const roundsMax = 3;
/** The time limit for one page, in ms. */
const pageMs = 30_000;

const anyInput: McpTool['inputSchema'] = Object.freeze({ type: 'object' });

/** Remembers the tools of one server. Reads its list on demand where the client has not read it. */
export class KnownTools {
  readonly #options: KnownToolsOptions;
  /** Both by the server's own name: the tools listed since the last change, and all tools that were ever listed. */
  readonly #fresh = new Map<string, KnownTool>();
  readonly #known = new Map<string, KnownTool>();
  #listing: Promise<void> | undefined;
  #changes = 0;
  #policy: ServerPolicy | undefined;

  constructor(options: KnownToolsOptions) {
    this.#options = options;
  }

  /** Yields all guarded tools, including those of earlier lists. */
  *tools(): Generator<Tool> {
    for (const { tool } of this.#known.values()) if (tool) yield tool;
  }

  /** Returns the client's names of the tools that only read and are not guarded. */
  readers(): readonly string[] {
    return [...this.#known.values()].flatMap(({ listed, tool, shown }) => {
      if (tool !== undefined || listed === undefined) return [];
      const isRead = listed.annotations?.readOnlyHint === true || guessAct(listed).act === 'read';
      return isRead ? [shown.name] : [];
    });
  }

  /** Finds a guarded tool by the server's own name. */
  find(name: string): Tool | undefined {
    return this.#known.get(name)?.tool;
  }

  /** Marks the list as outdated, after a change or a restart of the server. */
  forget(): void {
    this.#changes += 1;
    this.#fresh.clear();
  }

  /** Remembers a page of the server's list. @returns the page for the client; items that are not tools stay as they are. */
  remember(listed: readonly unknown[]): unknown[] {
    const { log, connection } = this.#options;
    this.#updatePolicy(listed);
    return listed.flatMap((each) => {
      if (isDeeperThan(resultDepthMax, each)) {
        log.warn(`${connection.name}: a tool is left out of the list, because it is nested too deep`);
        return [];
      }
      return [isMcpTool(each) ? this.#remember(withVisibleTexts(each)).shown : withVisibleTexts(each)];
    });
  }

  /** Returns a tool without asking the server; undefined when its list must be read first. */
  known(name: string): { readonly tool: Tool | undefined } | undefined {
    return this.#fresh.get(name);
  }

  /**
   * Returns a tool after reading the server's list. An unlisted tool is guarded like one without any hints.
   *
   * @throws ServerFault; nothing was executed.
   */
  async decide(name: string): Promise<{ readonly tool: Tool | undefined }> {
    for (let round = 0; round < roundsMax; round += 1) {
      const before = this.#changes;
      await this.#listAll();
      const found = this.#fresh.get(name);
      if (found) return found;
      if (before === this.#changes) return this.#remember({ name, inputSchema: anyInput }, true);
    }
    // The list changes faster than it can be read, so the last one counts.
    const last = this.#known.get(name);
    if (last?.listed !== undefined) return last;
    return this.#remember({ name, inputSchema: anyInput }, true);
  }

  /** Reads the server's list. @throws ServerFault; nothing was executed. */
  refresh(): Promise<void> {
    return this.#listAll();
  }

  /** Returns the output schema that the server last listed for a tool. */
  outputSchemaOf(name: unknown): JsonSchema | undefined {
    const schema = typeof name === 'string' ? this.#known.get(name)?.listed?.outputSchema : undefined;
    return isObject(schema) ? schema : undefined;
  }

  /** Whether a tool was called that the server's last list did not contain. */
  isUnlisted(name: string): boolean {
    const known = this.#known.get(name);
    return known !== undefined && known.listed === undefined;
  }

  /**
   * Whether the server still accepts the idempotency key of a call. If it has changed and accepts none, it cannot
   * recognise a call that it has already received.
   *
   * @throws ServerFault; nothing was executed.
   */
  async stillTakesKey({ name, arguments: sent }: ForwardedCall): Promise<boolean> {
    if (!this.#fresh.has(name)) await this.decide(name);
    // The list may change faster than it can be read. The last one that was read counts.
    const listed = this.#known.get(name)?.listed;
    const field = listed && findKeyField(listed);
    return field !== undefined && filledAt(sent, field.path) !== undefined;
  }

  /** Reads the server's list, and returns true when it does not contain the name. */
  async isMissingNow(name: string): Promise<boolean> {
    const listed = new Set<string>();
    await this.#readPages((tools) => {
      for (const each of tools) if (isMcpTool(each)) listed.add(each.name);
    });
    return !listed.has(name);
  }

  /** A policy is found by all tools of the list. With a later page, those of the earlier ones are decided again. */
  #updatePolicy(page: readonly unknown[]): void {
    const names = page.flatMap((each) => (isMcpTool(each) ? [each.name] : []));
    const server = { name: this.#options.connection.serverName, tools: new Set([...this.#fresh.keys(), ...names]) };
    const policy = this.#options.guard.policyOf?.(server);
    if (policy === this.#policy) return;
    this.#policy = policy;
    for (const { listed } of [...this.#fresh.values()]) if (listed !== undefined) this.#remember(listed);
  }

  #remember(given: McpTool, isUnlisted = false): KnownTool {
    // A limit such as 2^63 is a number in a schema, whatever its digits.
    const listed = nearestNumbers(given);
    const text = JSON.stringify(listed);
    const before = this.#known.get(listed.name);
    const wasGuarded = before?.tool !== undefined && before.listed !== undefined;
    // A tool that is not listed has no arguments by which a policy could know it.
    const policy = isUnlisted ? undefined : this.#policy;
    const isSame = before?.text === text && before.policy === policy;
    const judged = isSame ? before : this.#guardOrPass(listed, { text, policy }, wasGuarded);
    const remembered = { ...judged, listed: isUnlisted ? undefined : listed };
    if (this.#known.size < toolsMax || before) this.#known.set(listed.name, remembered);
    else
      this.#options.log.warn(
        `${this.#options.connection.name}: the server lists more than ${toolsMax} tools; the rest are not remembered`,
      );
    if (this.#known.has(listed.name) || isUnlisted) this.#fresh.set(listed.name, remembered);
    return remembered;
  }

  /** A guarded tool stays guarded when its server calls it read-only later: a call may be in flight. */
  #guardOrPass(
    listed: McpTool,
    { text, policy }: Pick<KnownTool, 'text' | 'policy'>,
    wasGuarded: boolean,
  ): Omit<KnownTool, 'listed'> {
    const { guard, calls, prefix = (name) => name, log, observe = false } = this.#options;
    const name = prefix(listed.name);
    const renamed = name === listed.name ? listed : { ...listed, name };
    let tool: Tool | undefined;
    try {
      tool = guard(listed, calls, name, policy);
      if (wasGuarded && tool === undefined) {
        tool = guard({ ...listed, annotations: undefined }, calls, name, policy);
        if (tool) log.warn(`${name}: the server now calls this tool read-only. It stays guarded until the next start`);
      }
    } catch (error) {
      log.warn(`${name}: the input schema cannot be used: ${describeError(error)}`);
      tool = guard({ ...listed, inputSchema: anyInput }, calls, name);
      return { text, policy, tool, shown: tool === undefined || observe ? renamed : withWiderOutput(renamed) };
    }
    return { text, policy, tool, shown: tool === undefined || observe ? renamed : shownAsGuarded(renamed, tool) };
  }

  #listAll(): Promise<void> {
    this.#listing ??= this.#readPages((tools, changes) => {
      this.remember(tools);
      if (changes !== this.#changes) this.#fresh.clear();
    }).finally(() => {
      this.#listing = undefined;
    });
    return this.#listing;
  }

  async #readPages(take: (tools: readonly unknown[], changes: number) => void): Promise<void> {
    const { connection, clock } = this.#options;
    const late = (): never => {
      throw new Error(`no response within ${pageMs / 1000} s`);
    };
    const changes = this.#changes;
    let cursor: unknown;
    for (let page = 0; page < pagesMax; page += 1) {
      const asking = connection.request('tools/list', cursor === undefined ? {} : { cursor });
      const { result, error } = await within(clock, asking, pageMs, late).catch((fault: unknown) => {
        throw new ServerFault('not_executed', `the server's tools cannot be listed: ${describeError(fault)}`);
      });
      // A server without a list has no tools to guard. It answers calls with its own error.
      if (error) return;
      if (Array.isArray(result?.tools)) take(result.tools, changes);
      cursor = result?.nextCursor;
      if (typeof cursor !== 'string') return;
    }
  }
}

/** Whether a call of a guarded tool only reads, so that it passes. */
export function onlyReads(tool: Tool, { params }: RpcRequest): boolean {
  return isObject(params?.arguments) && tool.reads?.(nearestNumbers(params.arguments)) === true;
}

function isMcpTool(value: unknown): value is McpTool {
  return isObject(value) && typeof value.name === 'string' && isObject(value.inputSchema);
}

/** Replaces a schema only where the client sees a different one. */
function shownAsGuarded(listed: McpTool, tool: Tool): McpTool {
  const shown = schemaForModel(inputSchemaOf(tool)) as McpTool['inputSchema'];
  const inputSchema = JSON.stringify(shown) === JSON.stringify(listed.inputSchema) ? listed.inputSchema : shown;
  const wider = withWiderOutput(listed);
  return inputSchema === wider.inputSchema ? wider : { ...wider, inputSchema };
}

/** Makes room for a notice in the results of a guarded tool. */
function withWiderOutput(listed: McpTool): McpTool {
  if (!isObject(listed.outputSchema)) return listed;
  return { ...listed, outputSchema: withNoticeSchema(listed.outputSchema) };
}
