import type { Command } from 'commander';
import type { Config } from '../config/config.ts';
import type { Section } from '../config/section.ts';
import type { Outcome } from '../core/call/outcome.ts';
import type { ToolCall } from '../core/call/types.ts';
import type { ToolsOfCall } from '../core/engine.ts';
import type { QuotaLimits } from '../core/ledger/record-quota.ts';
import type { Log } from '../core/observe/log.ts';
import type { Catalog } from '../core/tool/catalog.ts';
import type { Tool, Upstream } from '../core/tool/types.ts';
import type { ToolService } from '../server/tool-requests.ts';
import { type Cli, packageVersion } from './cli.ts';

/** The options of a command that choose a configuration. */
export interface ConfigOptions {
  readonly config?: string;
  readonly store?: string;
  readonly tools?: readonly string[];
  readonly logLevel?: string;
  readonly logFormat?: string;
  /** Replaces sections of the file, by key: a command that is given its target on the command line. */
  readonly sections?: Readonly<Record<string, unknown>>;
  /** Whether the shipped tools are served. Default: as the configuration says. */
  readonly bundledTools?: boolean;
}

/** The options of `serve`; transports add their own. */
export type ServeOptions = ConfigOptions & Readonly<Record<string, unknown>>;

/**
 * Why a configuration is read. A shared store needs a configured subject to `serve`, none to `operate` a ledger, and
 * over a `network` only where callers are not named by their credentials.
 */
export type Purpose = 'serve' | 'network' | 'operate';

/** The options of an app. */
export interface AppOptions {
  readonly log?: Log;
  /** The tools that are served, where they do not come from the configuration. It may grow. */
  readonly catalog?: Catalog;
  /** How many records each subject and tenant may hold. Default: no limit. */
  readonly recordLimits?: QuotaLimits;
  /** Gets warnings about the configuration. Default: the log. */
  readonly warn?: (message: string) => void;
}

/** The wired product: tools, engine, ledger and clients. */
export interface App {
  readonly catalog: Catalog;
  /** Whose operations these are, where the transport does not name the caller. */
  readonly scope: { readonly tenant: string; readonly subject: string };
  /** Explains repeats, and whether anything real happens, to the model that is served these tools. */
  instructions(tools: Catalog['tools']): string;
  /** Where the effects of its tools happen, as far as their clients are configured. */
  readonly upstreams: readonly Upstream[];
  readonly log: Log;
  /**
   * Loads the tools of a configuration and serves them instead: all of them, between two calls, or none. The rest of the
   * configuration is not used. Calls that have begun continue with the tool that they began with.
   * @throws McpOnceError `tool_invalid`, `configuration_invalid`: the present tools stay.
   */
  reload(config: Config): Promise<void>;
  /** Answers one tool call. Rejects for faults only. */
  handle(call: ToolCall, tools?: ToolsOfCall): Promise<Outcome>;
  /** Whether the ledger can be reached, within a bounded time. Never rejects. */
  isReady(): Promise<boolean>;
  /** Opens the ledger. @returns warnings about settings of the store @throws McpOnceError if it cannot serve calls */
  checkLedger(): Promise<readonly string[]>;
  /**
   * Begins no further execution, waits for up to `withinMs` (default: the configured drain time) for what executes, cuts
   * off and settles the rest, and closes. Bounded; never rejects.
   * @returns how many executions were cut off.
   */
  drain(withinMs?: number): Promise<number>;
  /** Closes without waiting. */
  close(): Promise<void>;
}

/** A server whose tools can be reloaded. */
export interface Reloadable {
  readonly app: App;
  /** The configuration that it was started with. */
  readonly config: Config;
  readonly purpose?: Purpose;
  /** Called after other tools have replaced the present ones. */
  readonly onReloaded?: () => void;
}

/** What the program offers to the commands of its features. */
export interface Program {
  readonly cli: Cli;
  /** Loads the configuration that a command's options choose. @throws McpOnceError `configuration_invalid` */
  config(options: ConfigOptions, purpose?: Purpose): Promise<Config>;
  /** Loads the tools of a configuration. @throws McpOnceError `tool_invalid`, `configuration_invalid` */
  catalog(config: Config): Promise<Catalog>;
  /** Wires an app. Opens no store and no client: each opens on first use. @throws McpOnceError */
  app(config: Config, options: AppOptions): Promise<App>;
  /**
   * Serves the tools that the options choose until stdin ends or a signal comes.
   * @param command what a client has to start, for a person who started it by hand.
   */
  serve(options: ServeOptions, command?: readonly string[]): Promise<number>;
  /** Replaces the tools by those of the configuration as it is now. Never rejects: it prints what is wrong. */
  reloadTools(options: ConfigOptions, served: Reloadable): Promise<void>;
}

/** The tools that a feature makes. */
export interface FeatureTools {
  readonly listed: readonly Tool[];
  /** Tools that are reached through a listed one. */
  readonly hidden: readonly Tool[];
}

/** A variable of the environment, and what needs it, such as `mcpServers.bank`. */
export interface NeededVariable {
  readonly name: string;
  readonly neededBy: string;
}

/** A way to serve tools other than stdio. */
interface Transport {
  /** Whether the options of `serve` ask for it. */
  isChosen(options: ServeOptions): boolean;
  /** Serves until a signal comes, then drains. Returns the exit code. */
  serve(program: Program, options: ServeOptions): Promise<number>;
  /** Whether each call names its subject by its own credentials. */
  namesCallers(config: Config): boolean;
  /** Returns a warning about its settings in the file, for a server that uses another transport. */
  unused?(config: Config): string | undefined;
}

/** Adds the commands and options of a feature to the command line. */
export type AddCommands = (commandLine: Command, program: Program, end: (code: number) => void) => void;

/** Options by which a command that only looks at tools, such as `ledger resolve`, names the tools of a feature. */
export interface ToolOptions {
  add(command: Command): void;
  /**
   * Returns the configuration sections that the options describe; undefined without options. @throws McpOnceError, UsageError
   */
  sectionsOf(options: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>> | undefined>;
}

/**
 * A part of the product that can be left out: its folder, and its line in `app.ts`. A feature's module is loaded at every
 * start, so it loads everything else on first use.
 */
export interface Feature {
  readonly name: string;
  /** Its parts of the configuration file. */
  readonly sections?: readonly Section[];
  /** Loads what adds its commands. */
  commands?(): Promise<AddCommands>;
  /** Makes the tools that its sections configure. */
  tools?(config: Config, warn: (message: string) => void): Promise<FeatureTools>;
  toolOptions?(): Promise<ToolOptions>;
  readonly transport?: Transport;
  /**
   * Returns warnings about its settings, for `config check`.
   * @throws McpOnceError, UsageError for settings that cannot be served.
   */
  check?(config: Config, catalog: Catalog, environment: Cli['environment']): Promise<readonly string[]>;
  /** Lists the variables to which its settings refer, for `config check`. */
  variables?(config: Config): Promise<readonly NeededVariable[]>;
}

/** Returns the service that answers MCP requests from an app. */
export function serviceOf(app: App): ToolService {
  const { catalog, handle, instructions, log } = app;
  return { name: 'mcp-once', title: 'mcp-once', version: packageVersion(), catalog, handle, instructions, log };
}
