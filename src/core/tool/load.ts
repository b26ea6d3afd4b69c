import { readdir, readFile } from 'node:fs/promises';
import * as nodeModule from 'node:module';
import { dirname, extname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describeError, isErrnoException, McpOnceError } from '../errors.ts';
import { defined } from '../json.ts';
import type { UndeclaredRule } from '../key/convert-arguments.ts';
import { pickPointers } from '../key/pointers.ts';
import { sentence } from '../suggest.ts';
import { checkTool, defaultWindowMs, recoveryList } from './define-tool.ts';
import { matchesGlob } from './glob.ts';
import type { HookData, RegisterHooks } from './load-hook.ts';
import type { OnDuplicate, Recovery, Tool, ToolClass } from './types.ts';

const filesMax = 1_000;
const toolsMax = 10_000;

const ownExtension = extname(fileURLToPath(import.meta.url));
/** Node 22.18 removes types by itself. The tests run the sources of mcp-once where vitest removes them. */
const loadsTypeScript =
  ownExtension === '.ts' || Boolean((process.features as { readonly typescript?: unknown }).typescript);
const typeScript: ReadonlySet<string> = new Set(['.ts', '.mts']);
const extensions = new Set(['.js', '.mjs', ...(loadsTypeScript ? typeScript : [])]);
/** Files of these kinds look like tools and are not loaded. */
const otherCode: ReadonlySet<string> = new Set(['.cjs', '.cts', '.jsx', '.tsx', ...typeScript]);
/** How many files of a subfolder are read, and how many skipped files the log names. */
const lookedAtMax = 20;
const skippedMax = 10;
/** How long Node may take to find the line of a syntax error, in ms. */
const checkMs = 5_000;
const packageFolder = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

/** Returns the folder of the tools that mcp-once ships. */
export const bundledToolsDir = join(packageFolder, 'tools');

/**
 * Loads tools from every `.js` and `.mjs` file at the top level of the folders, and from `.ts` and `.mts` files where Node
 * loads them. A file exports one tool or an array of
 * tools, under any name.
 *
 * @param warn called for a folder without tools.
 * @param load imports files outside of the shipped folder.
 * @throws McpOnceError `tool_invalid` that names the file, if the file throws, exports no tool or an invalid tool, or
 * repeats a name; `configuration_invalid` for a folder that cannot be read.
 */
export async function loadTools(
  folders: readonly string[],
  warn: (message: string) => void = () => {},
  load: LoadModule = loadOnce,
): Promise<Tool[]> {
  if (!folders.every(findsUs)) await letToolsImportUs();
  const found = await Promise.all(folders.map(filesOf));
  for (const [index, folder] of folders.entries()) {
    if (found[index]?.length === 0) {
      warn(`the tools folder ${folder} contains no tool: mcp-once loads the .js and .mjs files at its top level`);
    }
    const skipped = resolve(folder) === bundledToolsDir ? [] : await skippedIn(folder);
    if (skipped.length > 0) warn(skippedText(folder, skipped));
  }
  const files = found.flat();
  // Files load in parallel; errors are reported in the order of the files.
  const loaded = await Promise.allSettled(
    files.map((file) => toolsOf(file, dirname(file) === bundledToolsDir ? loadOnce : load)),
  );
  const byName = new Map<string, { tool: Tool; file: string }>();
  for (const [index, result] of loaded.entries()) {
    const file = files[index] ?? '';
    if (result.status === 'rejected') throw result.reason;
    for (const tool of result.value) {
      const known = byName.get(tool.name);
      // Two files may export the same tool, for example a tool's file and an index.
      if (known && known.tool !== tool) {
        throw invalid(file, `the name "${tool.name}" is already used by ${known.file}`);
      }
      byName.set(tool.name, known ?? { tool, file });
    }
  }
  if (byName.size > toolsMax) throw new McpOnceError('tool_invalid', `There are more than ${toolsMax} tools.`);
  return [...byName.values()].map(({ tool }) => tool);
}

/** Lists the files of a folder that look like tools and are not loaded. */
async function skippedIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const seen = entries.filter(
    ({ name }) => !name.startsWith('.') && name !== 'node_modules' && !name.endsWith('.d.ts'),
  );
  const files = seen.filter((entry) => !entry.isDirectory() && isOtherCode(entry.name)).map(({ name }) => name);
  const folders = seen.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const below = await Promise.all(folders.map((name) => toolFilesBelow(folder, name)));
  return [...files, ...below.flat()].sort();
}

function isOtherCode(name: string): boolean {
  return otherCode.has(extname(name)) && !extensions.has(extname(name));
}

/** Lists the files of a subfolder that define tools. Other files there are the tools' own modules. */
async function toolFilesBelow(folder: string, subfolder: string): Promise<string[]> {
  const names = await readdir(join(folder, subfolder)).catch(() => []);
  const code = names.filter((name) => extensions.has(extname(name)) || isOtherCode(name)).slice(0, lookedAtMax);
  const found = await Promise.all(
    code.map(async (name) => {
      const text = await readFile(join(folder, subfolder, name), 'utf8').catch(() => '');
      return text.includes('defineTool(') ? [`${subfolder}/${name}`] : [];
    }),
  );
  return found.flat();
}

function skippedText(folder: string, skipped: readonly string[]): string {
  const more = skipped.length > skippedMax ? ` and ${skipped.length - skippedMax} more` : '';
  const isTypeScript = !loadsTypeScript && skipped.some((name) => typeScript.has(extname(name)));
  const hint = isTypeScript
    ? `; this Node (${process.version}) does not load TypeScript: use Node 22.18 or newer, or compile the file`
    : '';
  return `the tools folder ${folder} has files that are not loaded (${skipped.slice(0, skippedMax).join(', ')}${more}): mcp-once loads the .js and .mjs files at its top level${hint}`;
}

async function filesOf(folder: string): Promise<string[]> {
  let names: string[];
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    names = entries.filter((entry) => !entry.isDirectory()).map((entry) => entry.name);
  } catch (error) {
    const why =
      isErrnoException(error) && error.code === 'ENOENT' ? 'does not exist' : `cannot be read: ${describeError(error)}`;
    throw new McpOnceError('configuration_invalid', `The tools folder ${folder} ${why}.`, { cause: error });
  }
  const files = names.filter(
    (name) => extensions.has(extname(name)) && !name.startsWith('.') && !name.endsWith('.d.ts'),
  );
  if (files.length > filesMax) {
    throw new McpOnceError('configuration_invalid', `The tools folder ${folder} has more than ${filesMax} files.`);
  }
  return files.sort().map((name) => resolve(folder, name));
}

/** Returns the exports of a file. */
export type LoadModule = (file: string) => Promise<Record<string, unknown>>;

/** Node keeps the first version of a module for the life of the process. */
const loadOnce: LoadModule = (file) => import(pathToFileURL(file).href);

async function toolsOf(file: string, load: LoadModule): Promise<Tool[]> {
  let exported: Record<string, unknown>;
  try {
    exported = await load(file);
  } catch (error) {
    const line = error instanceof SyntaxError ? await lineOfSyntaxError(file, error) : undefined;
    if (line !== undefined) throw invalid(`${file}:${line}`, describeError(error), error);
    throw invalid(file, `loading it failed: ${describeError(error)}`, error);
  }
  const tools = [...new Set(Object.values(exported).flat(1).filter(isTool))];
  if (tools.length === 0) throw invalid(file, 'it exports no tool (made by defineTool)');
  for (const tool of tools) {
    try {
      checkTool({ ...tool, memoryMs: tool.client?.memoryMs ?? 0 });
    } catch (error) {
      throw invalid(file, describeError(error), error);
    }
  }
  return tools;
}

/** Node reports the line of a syntax error in a module only when it prints the error. */
async function lineOfSyntaxError(file: string, error: SyntaxError): Promise<string | undefined> {
  const place = /^(?:file:\/\/)?(.+):(\d+)\n/;
  const [, , own] = place.exec(error.stack ?? '') ?? [];
  if (own !== undefined) return own;
  const { execFile } = await import('node:child_process');
  const text = await new Promise<string>((done) => {
    execFile(process.execPath, ['--check', file], { timeout: checkMs, env: {} }, (_, __, stderr) => done(stderr));
  });
  return place.exec(text)?.[2];
}

/** Recognises a tool by its shape, since another copy of mcp-once may have made it. `checkTool` checks its parts. */
function isTool(value: unknown): value is Tool {
  if (typeof value !== 'object' || value === null) return false;
  const tool = value as Partial<Record<keyof Tool, unknown>>;
  const input = tool.input as Partial<Tool['input']> | null | undefined;
  return (
    typeof tool.name === 'string' &&
    typeof tool.title === 'string' &&
    typeof tool.description === 'string' &&
    typeof tool.effect === 'string' &&
    typeof tool.class === 'string' &&
    Array.isArray(tool.recovery) &&
    typeof tool.acceptsOutput === 'function' &&
    typeof tool.run === 'function' &&
    typeof input === 'object' &&
    typeof input?.jsonSchema === 'object' &&
    typeof input.parse === 'function'
  );
}

const indexUrl = new URL('../../index.js', import.meta.url).href;

/**
 * Returns whether files of a folder resolve mcp-once to this instance, and zod, without the hook. Node 20 starts a thread
 * for a hook, which takes about 80 ms.
 */
function findsUs(folder: string): boolean {
  if (resolve(folder) === bundledToolsDir) return true;
  const { resolve: find } = nodeModule.createRequire(join(resolve(folder), 'tool.js'));
  try {
    return pathToFileURL(find('mcp-once')).href === indexUrl && find('zod') !== '';
  } catch {
    return false;
  }
}

let hookInstalled = false;

/** Registers the hook once, since hooks apply to the whole process and each of them runs for every import. */
async function letToolsImportUs(): Promise<void> {
  // The hook is not compiled when mcp-once runs from source. The test runner resolves the names itself.
  if (hookInstalled || ownExtension !== '.js') return;
  hookInstalled = true;
  const { registerHooks } = nodeModule as { registerHooks?: RegisterHooks };
  if (registerHooks) registerHooks({ resolve: (await import('./load-hook.ts')).resolveSync(indexUrl) });
  else nodeModule.register<HookData>(new URL('./load-hook.js', import.meta.url), { data: { indexUrl } });
}

function invalid(file: string, problem: string, cause?: unknown): McpOnceError {
  return new McpOnceError('tool_invalid', sentence(`Tool file ${file}: ${problem}`), { cause });
}

/** The configuration of the tools whose names match a pattern. Durations are in ms. */
export interface ToolRule {
  readonly enabled?: boolean | undefined;
  readonly class?: ToolClass | undefined;
  readonly movesMoney?: boolean | undefined;
  readonly window?: number | undefined;
  readonly onDuplicate?: OnDuplicate | undefined;
  readonly identity?: readonly string[] | undefined;
  readonly ignore?: readonly string[] | undefined;
  readonly undeclared?: UndeclaredRule | undefined;
  readonly recovery?: Recovery | readonly Recovery[] | undefined;
  readonly lookupLag?: number | undefined;
}

export interface RuledTools {
  readonly tools: readonly Tool[];
  /** The names of the tools that a rule disables. */
  readonly disabled: readonly string[];
  /** The patterns that match no tool's name. */
  readonly unmatched: readonly string[];
}

/**
 * Applies rules in the order in which they are written. If two rules match, the later one wins for each of its keys.
 * @throws McpOnceError `configuration_invalid` that names the tool, if a rule asks for something that the tool lacks
 */
export function applyRules(tools: readonly Tool[], rules: Readonly<Record<string, ToolRule>>): RuledTools {
  const patterns = Object.entries(rules).map(([pattern, rule]) => ({ pattern, rule }));
  const ruled = tools.flatMap((tool) => {
    const matching = patterns.filter(({ pattern }) => matchesGlob(pattern, tool.name));
    const rule = Object.assign({}, ...matching.map((each) => each.rule)) as ToolRule;
    if (rule.enabled === false) return [];
    return [matching.length === 0 ? tool : overridden(tool, rule)];
  });
  const unmatched = patterns.filter(({ pattern }) => !tools.some((tool) => matchesGlob(pattern, tool.name)));
  const disabled = tools.filter((tool) => !ruled.some(({ name }) => name === tool.name)).map(({ name }) => name);
  return { tools: ruled, disabled, unmatched: unmatched.map(({ pattern }) => pattern) };
}

function overridden(tool: Tool, rule: ToolRule): Tool {
  // Reads are not in the ledger, so a rule for all tools does not apply to them.
  if (tool.effect === 'read') return tool;
  const toolClass = rule.class ?? tool.class;
  const hasResource = tool.resource !== undefined;
  const isDefaultWindow = tool.windowMs === defaultWindowMs(tool.class, hasResource);
  const changes: Partial<Tool> = {
    class: toolClass,
    windowMs: rule.window ?? (isDefaultWindow ? defaultWindowMs(toolClass, hasResource) : tool.windowMs),
    recovery: rule.recovery === undefined ? tool.recovery : recoveryList(rule.recovery),
    lookupLagMs: rule.lookupLag ?? tool.lookupLagMs,
    ...defined({ onDuplicate: rule.onDuplicate, movesMoney: rule.movesMoney, identity: identityBy(rule) }),
  };
  // The tool is the prototype, not copied, so that its lazy members stay lazy.
  const next: Tool = Object.create(tool, {
    ...Object.getOwnPropertyDescriptors(changes),
    ...((rule.ignore ?? rule.undeclared) && { input: { get: () => preparedBy(tool.input, rule) } }),
  });
  const { name, effect, windowMs, onDuplicate, recovery, lookupLagMs, resource, lookup, gone } = next;
  const memoryMs = next.client?.memoryMs ?? 0;
  try {
    const parts = { name, effect, class: toolClass, windowMs, onDuplicate, recovery, lookupLagMs, memoryMs };
    checkTool({ ...parts, resource, lookup, gone });
  } catch (error) {
    throw new McpOnceError('configuration_invalid', `Configuration: tools: ${describeError(error)}`, { cause: error });
  }
  return Object.freeze(next);
}

/** A call without any of these arguments is identified by all of its arguments. */
function identityBy({ identity }: ToolRule): Tool['identity'] {
  if (identity === undefined) return undefined;
  return (input) => {
    const picked = pickPointers(input as Record<string, unknown>, identity);
    return Object.keys(picked).length === 0 ? undefined : picked;
  };
}

function preparedBy(input: Tool['input'], { ignore, undeclared }: ToolRule): Tool['input'] {
  return { ...input, options: { ...input.options, ...defined({ ignore, undeclared }) } };
}
