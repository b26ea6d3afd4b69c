import { type Clock, within } from '../../core/clock.ts';
import { describeError } from '../../core/errors.ts';
import type { Tool, ToolLog } from '../../core/tool/types.ts';
import { inputSchemaOf } from '../../server/tool-list.ts';
import { schemaForModel } from '../policy/filled-arguments.ts';
import { findKeyField } from '../policy/key-field.ts';
import type { CallTarget, ForwardedCall, McpTool } from '../policy/types.ts';
import { ServerFault } from './link.ts';
import { isObject } from './message.ts';
import type { ServerConnection } from './server-connection.ts';

/**
 * What is done with a listed tool's calls: the tool that the engine runs, or undefined where they pass.
 * @param shownAs its name for the client, where that is not the server's own.
 */
export type MakeGuardedTool = (listed: McpTool, upstream: CallTarget, shownAs: string) => Tool | undefined;

export interface KnownToolsOptions {
  readonly upstream: ServerConnection;
  /** Where the guarded tools' calls go. */
  readonly calls: CallTarget;
  readonly guard: MakeGuardedTool;
  /** The name that a client sees. Default: the server's own. */
  readonly shownAs?: (name: string) => string;
  readonly clock: Clock;
  readonly log: ToolLog;
}

/** A tool as it was listed, and what is done with its calls. */
interface KnownTool {
  /** Undefined for one that is called and not listed. */
  readonly listed: McpTool | undefined;
  /** The listed tool as JSON. */
  readonly text: string;
  readonly tool: Tool | undefined;
  /** As the client sees it. */
  readonly shown: McpTool;
}

/** How many tools are remembered, how many pages of a list are read, and how often a list that changes. */
const toolsMax = 10_000;
const pagesMax = 1_000;
const roundsMax = 3;
/** How long one page may take, in ms. */
const pageMs = 30_000;

const anyInput: McpTool['inputSchema'] = Object.freeze({ type: 'object' });

/** What one upstream has listed, each tool with its decision; read by itself where nobody has asked yet. */
export class KnownTools {
  readonly #options: KnownToolsOptions;
  /** By the server's own name. Those that were listed since the list last changed, and all that ever were. */
  readonly #fresh = new Map<string, KnownTool>();
  readonly #known = new Map<string, KnownTool>();
  #listing: Promise<void> | undefined;
  #changes = 0;

  constructor(options: KnownToolsOptions) {
    this.#options = options;
  }

  /** The guarded tools, for the engine; also those of a list that has changed since. */
  *tools(): Generator<Tool> {
    for (const { tool } of this.#known.values()) if (tool) yield tool;
  }

  /** By the server's own name. */
  find(name: string): Tool | undefined {
    return this.#known.get(name)?.tool;
  }

  /** The list has changed, or another process has taken over. */
  forget(): void {
    this.#changes += 1;
    this.#fresh.clear();
  }

  /** A page of the upstream's list as the client sees it. What is no tool stays as it is. */
  remember(listed: readonly unknown[]): unknown[] {
    return listed.map((each) => (isListed(each) ? this.#remember(each).shown : each));
  }

  /** What is done with calls of this name. Undefined when that is not known without asking the upstream. */
  known(name: string): { readonly tool: Tool | undefined } | undefined {
    return this.#fresh.get(name);
  }

  /**
   * What is done with calls of this name, after a look at the upstream's list. One that is not listed is
   * guarded as one of which nothing is known. @throws UpstreamFault; nothing was executed.
   */
  async decide(name: string): Promise<{ readonly tool: Tool | undefined }> {
    for (let round = 0; round < roundsMax; round += 1) {
      const before = this.#changes;
      await this.#listAll();
      const found = this.#fresh.get(name);
      if (found) return found;
      if (before === this.#changes) break;
    }
    return this.#remember({ name, inputSchema: anyInput }, true);
  }

  /** Reads the upstream's list. @throws UpstreamFault; nothing was executed. */
  refresh(): Promise<void> {
    return this.#listAll();
  }

  /** True for one that is called, and that the upstream did not list when it was last asked. */
  isUnlisted(name: string): boolean {
    const known = this.#known.get(name);
    return known !== undefined && known.listed === undefined;
  }

  /**
   * Whether a call with an idempotency key may still be sent. Where the upstream has changed meanwhile, and takes no
   * key there any more, it would not recognise a call that it has had. @throws UpstreamFault; nothing was executed.
   */
  async stillTakesKey({ name, arguments: sent }: ForwardedCall): Promise<boolean> {
    if (!this.#fresh.has(name)) await this.decide(name);
    const listed = this.#fresh.get(name)?.listed;
    const field = listed && findKeyField(listed)?.name;
    return field !== undefined && Object.hasOwn(sent, field);
  }

  /** True when the upstream's list, read now, does not hold the name. */
  async isMissingNow(name: string): Promise<boolean> {
    const listed = new Set<string>();
    await this.#readPages((tools) => {
      for (const each of tools) if (isListed(each)) listed.add(each.name);
    });
    return !listed.has(name);
  }

  #remember(listed: McpTool, isUnlisted = false): KnownTool {
    const text = JSON.stringify(listed);
    const before = this.#known.get(listed.name);
    const wasGuarded = before?.tool !== undefined && before.listed !== undefined;
    const judged = before?.text === text ? before : this.#judge(listed, text, wasGuarded);
    const remembered = { ...judged, listed: isUnlisted ? undefined : listed };
    if (this.#known.size < toolsMax || before) this.#known.set(listed.name, remembered);
    else this.#options.log.warn(`${this.#options.upstream.name}: more than ${toolsMax} tools are listed`);
    if (this.#known.has(listed.name) || isUnlisted) this.#fresh.set(listed.name, remembered);
    return remembered;
  }

  /** What a server says only once a tool has been guarded does not let repeats through: a call may be in flight. */
  #judge(listed: McpTool, text: string, wasGuarded: boolean): Omit<KnownTool, 'listed'> {
    const { guard, calls, shownAs = (name) => name, log } = this.#options;
    const name = shownAs(listed.name);
    const renamed = name === listed.name ? listed : { ...listed, name };
    let tool: Tool | undefined;
    try {
      tool = guard(listed, calls, name);
      if (wasGuarded && tool === undefined) {
        tool = guard({ ...listed, annotations: undefined }, calls, name);
        if (tool)
          log.warn(`${name}: its server says only now that it only reads: it stays guarded until the next start`);
      }
    } catch (error) {
      log.warn(`${name}: its schema is not used: ${describeError(error)}`);
      tool = guard({ ...listed, inputSchema: anyInput }, calls, name);
      return { text, tool, shown: renamed };
    }
    return { text, tool, shown: tool === undefined ? renamed : shownAsGuarded(renamed, tool) };
  }

  #listAll(): Promise<void> {
    this.#listing ??= this.#readPages((tools, changes) => {
      if (changes === this.#changes) this.remember(tools);
    }).finally(() => {
      this.#listing = undefined;
    });
    return this.#listing;
  }

  async #readPages(take: (tools: readonly unknown[], changes: number) => void): Promise<void> {
    const { upstream, clock } = this.#options;
    const late = (): never => {
      throw new Error(`no answer within ${pageMs / 1000} s`);
    };
    const changes = this.#changes;
    let cursor: unknown;
    for (let page = 0; page < pagesMax; page += 1) {
      const asking = upstream.request('tools/list', cursor === undefined ? {} : { cursor });
      const { result, error } = await within(clock, asking, pageMs, late).catch((fault: unknown) => {
        throw new ServerFault('not_executed', `its tools cannot be listed: ${describeError(fault)}`);
      });
      // One that has no list has no tool to guard: it says so itself when it is called.
      if (error) return;
      if (Array.isArray(result?.tools)) take(result.tools, changes);
      cursor = result?.nextCursor;
      if (typeof cursor !== 'string') return;
    }
  }
}

function isListed(value: unknown): value is McpTool {
  return isObject(value) && typeof value.name === 'string' && isObject(value.inputSchema);
}

/** Only what is different for the client changes; a schema that stays the same stays as it was written. */
function shownAsGuarded(listed: McpTool, tool: Tool): McpTool {
  const inputSchema = schemaForModel(inputSchemaOf(tool)) as McpTool['inputSchema'];
  if (JSON.stringify(inputSchema) === JSON.stringify(listed.inputSchema)) return listed;
  return { ...listed, inputSchema };
}
