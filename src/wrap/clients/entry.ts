import { createHash } from 'node:crypto';
import type { Edit } from 'jsonc-parser';
import { headerVariable, isHeaderVariable, parseHeader } from '../variables.ts';
import {
  type JsonNode,
  type JsonProperty,
  jsonItemsOf,
  jsonPropertiesOf,
  jsonPropertyOf,
  jsonStringOf,
  jsonStringsOf,
} from './jsonc.ts';

/** The change to one server's entry in a client's file. */
export type EntryRewrite =
  | { readonly type: 'edited'; readonly edits: readonly Edit[]; readonly what: string }
  | { readonly type: 'unchanged'; readonly why: string };

/** An entry that starts its server through `mcp-once wrap`. */
interface GuardedEntry {
  /** The number of arguments that mcp-once added before the server's own. */
  readonly addedArgs: number;
  /** The server's own command, or its URL. */
  readonly target: string;
  readonly isUrl: boolean;
}

const idOption = '--id';
/** Words that may stand before the name of the started program. */
const launcher =
  /^(?:-.*|\/[cds]|(?:.*[\\/])?(?:npx|bunx|pnpm|yarn|dlx|exec|node|bun|cmd|env)(?:\.(?:cmd|exe|ps1))?)$/i;
const ownName = /^(?:.*[\\/])?mcp-once(?:@[^\\/]*)?(?:\.(?:cmd|exe|ps1))?$|[\\/]mcp-once[\\/].*main\.[jt]s$/i;
/** Members with which a client signs in at a URL by itself. No client does that for a command. */
const signInMembers = ['oauth', 'auth', 'headersHelper'];

/** Puts mcp-once in front of a server, and keeps all other members of its entry. */
export function wrapEntry(source: string, entry: JsonNode, id: string): EntryRewrite {
  if (entry.type !== 'object') return unchanged('the entry is not an object');
  const command = jsonPropertyOf(entry, 'command');
  const url = jsonPropertyOf(entry, 'url') ?? jsonPropertyOf(entry, 'serverUrl');
  if (startsMcpOnce(entry)) return unchanged(isGuarded(entry) ? 'already guarded' : 'this is mcp-once itself');
  if (jsonPropertyOf(entry, 'mcpOnce')) return unchanged('the file is a configuration of mcp-once itself');
  if (jsonPropertyOf(entry, 'sandboxEnabled')?.value.value === true) {
    return unchanged("the client's sandbox would keep mcp-once from its ledger");
  }
  if (command) return wrapCommand(source, entry, command, id);
  return url ? wrapUrl(source, entry, url, id) : unchanged('the entry has neither command nor url');
}

/** Removes mcp-once from an entry. @param typeBefore the `type` that the entry had before, where it is known. */
export function unwrapEntry(entry: JsonNode, typeBefore: string | undefined): EntryRewrite {
  const guarded = guardedEntryOf(entry);
  const command = jsonPropertyOf(entry, 'command');
  const args = jsonPropertyOf(entry, 'args');
  const items = jsonItemsOf(args?.value);
  if (!guarded || !command || !args || !items) return unchanged('not guarded by mcp-once');
  if (guarded.isUrl) return unwrapUrl(entry, command, args, guarded, typeBefore);
  const [first, own] = [items[0], items[guarded.addedArgs]];
  const rest: Edit =
    own && first
      ? { offset: first.offset, length: own.offset - first.offset, content: '' }
      : replacing(args.value, '[]');
  return { type: 'edited', edits: [replacing(command.value, json(guarded.target)), rest], what: 'restored' };
}

/** Whether an entry starts its server through mcp-once. */
export function isGuarded(entry: JsonNode): boolean {
  return guardedEntryOf(entry) !== undefined;
}

function wrapCommand(source: string, entry: JsonNode, command: JsonProperty, id: string): EntryRewrite {
  const program = jsonStringOf(command.value);
  const args = jsonPropertyOf(entry, 'args');
  const givenArgs = args ? jsonStringsOf(args.value) : [];
  if (program === undefined || program === '') return unchanged('its command is not a string');
  if (givenArgs === undefined) return unchanged('its args are not a list of strings');
  const added = ['wrap', idOption, uniqueIdOf(id, [program, ...givenArgs]), '--', program];
  const edits = args
    ? [replacing(command.value, json('mcp-once')), insertFirst(source, args.value, added)]
    : [replacing(command.value, `${json('mcp-once')},${gapBefore(source, command)}"args": ${jsonList(added)}`)];
  return { type: 'edited', edits, what: 'mcp-once starts its command' };
}

function wrapUrl(source: string, entry: JsonNode, url: JsonProperty, id: string): EntryRewrite {
  const address = jsonStringOf(url.value);
  if (address === undefined || !/^(?:https?:\/\/|\$\{)/i.test(address)) return unchanged('its url is not an HTTP URL');
  const signIn = signInMembers.find((name) => jsonPropertyOf(entry, name));
  if (signIn !== undefined) return unchanged(`its client signs in (${signIn}), which mcp-once cannot do instead`);
  const headers = headersToVariables(entry);
  if (headers === undefined) return unchanged('its headers are not strings');
  const args = `"args": ${jsonList(['wrap', idOption, uniqueIdOf(id, [address]), address])}`;
  const type = jsonPropertyOf(entry, 'type');
  const edits = [
    replacingFrom(url.key, url.value, `"command": "mcp-once",${gapBefore(source, url)}${args}`),
    ...(type ? [replacing(type.value, '"stdio"')] : []),
    ...headers,
  ];
  return { type: 'edited', edits, what: 'mcp-once connects to its url' };
}

/**
 * Derives the id from the name and what is started. Different servers that two clients call by the same name get
 * different ids; the same server gets the same id in both, also when it is written again after an undo.
 */
function uniqueIdOf(name: string, words: readonly string[]): string {
  return `${name}-${createHash('sha256').update(JSON.stringify(words)).digest('hex').slice(0, 8)}`;
}

/** Turns headers into variables: they hold secrets, and clients expand `${...}` in variables as well. */
function headersToVariables(entry: JsonNode): readonly Edit[] | undefined {
  const headers = jsonPropertyOf(entry, 'headers');
  if (!headers) return [];
  if (headers.value.type !== 'object') return undefined;
  const properties = jsonPropertiesOf(headers.value);
  const variables = properties.map(({ name, value }, index) => {
    const text = jsonStringOf(value);
    return text === undefined ? undefined : `${json(headerVariable(index + 1))}: ${json(`${name}: ${text}`)}`;
  });
  if (!variables.every((each) => each !== undefined)) return undefined;
  const env = jsonPropertyOf(entry, 'env');
  if (env?.value.type === 'object') {
    const comma = jsonPropertiesOf(env.value).length === 0 ? '' : ', ';
    const added = { offset: env.value.offset + 1, length: 0, content: variables.join(', ') + comma };
    return variables.length === 0 ? [] : [added];
  }
  const renamed = properties.map(({ key, value }, index) => replacingFrom(key, value, variables[index] ?? ''));
  return [replacing(headers.key, '"env"'), ...renamed];
}

function unwrapUrl(
  entry: JsonNode,
  command: JsonProperty,
  args: JsonProperty,
  guarded: GuardedEntry,
  typeBefore: string | undefined,
): EntryRewrite {
  const names = jsonPropertiesOf(entry).map(({ key }) => key);
  if (names.indexOf(args.key) - names.indexOf(command.key) !== 1) {
    return unchanged('its args no longer follow its command: remove mcp-once by hand');
  }
  const type = jsonPropertyOf(entry, 'type');
  const env = jsonPropertyOf(entry, 'env');
  const edits = [
    replacingFrom(command.key, args.value, `"url": ${json(guarded.target)}`),
    ...(type ? [replacing(type.value, json(typeBefore ?? 'http'))] : []),
    ...(env && !jsonPropertyOf(entry, 'headers') ? variablesToHeaders(env) : []),
  ];
  return { type: 'edited', edits, what: 'restored' };
}

function variablesToHeaders(env: JsonProperty): readonly Edit[] {
  const properties = jsonPropertiesOf(env.value);
  if (env.value.type !== 'object' || !properties.every(({ name }) => isHeaderVariable(name))) return [];
  const headers = properties.map(({ key, value }) => {
    const [name = '', text = ''] = parseHeader(jsonStringOf(value) ?? '') ?? [];
    return replacingFrom(key, value, `${json(name)}: ${json(text)}`);
  });
  return [replacing(env.key, '"headers"'), ...headers];
}

/** The words of the command line that an entry stands for. */
function commandLineOf(entry: JsonNode): readonly string[] {
  const command = jsonStringOf(jsonPropertyOf(entry, 'command')?.value);
  return command === undefined ? [] : [command, ...(jsonStringsOf(jsonPropertyOf(entry, 'args')?.value) ?? [])];
}

/** The index of mcp-once in a command line; -1 where it starts another program. */
function ownIndex(words: readonly string[]): number {
  const index = words.findIndex((word) => !launcher.test(word) || ownName.test(word));
  return index >= 0 && ownName.test(words[index] ?? '') ? index : -1;
}

function startsMcpOnce(entry: JsonNode): boolean {
  return ownIndex(commandLineOf(entry)) >= 0;
}

function guardedEntryOf(entry: JsonNode): GuardedEntry | undefined {
  const words = commandLineOf(entry);
  const own = ownIndex(words);
  if (own < 0 || words[own + 1] !== 'wrap') return undefined;
  const dashes = words.indexOf('--', own);
  const index = dashes < 0 ? words.findLastIndex((word) => /^(?:https?:\/\/|\$\{)/i.test(word)) : dashes + 1;
  const target = words[index];
  return index <= own || target === undefined ? undefined : { addedArgs: index, target, isUrl: dashes < 0 };
}

/** Inserts strings before a list's first item, with the whitespace that stands there already. */
function insertFirst(source: string, list: JsonNode, strings: readonly string[]): Edit {
  const [first] = jsonItemsOf(list) ?? [];
  if (!first) return { offset: list.offset + 1, length: 0, content: strings.map(json).join(', ') };
  const before = source.slice(list.offset + 1, first.offset);
  const gap = before !== '' && before.trim() === '' ? before : ' ';
  return { offset: first.offset, length: 0, content: strings.map((each) => `${json(each)},${gap}`).join('') };
}

/** The whitespace before a member: a line end and its indentation, or a space. */
function gapBefore(source: string, { key }: JsonProperty): string {
  const before = /\r?\n[ \t]*$/.exec(source.slice(Math.max(0, key.offset - 1_000), key.offset));
  return before?.[0] ?? ' ';
}

function replacing({ offset, length }: JsonNode, content: string): Edit {
  return { offset, length, content };
}

function replacingFrom(first: JsonNode, last: JsonNode, content: string): Edit {
  return { offset: first.offset, length: last.offset + last.length - first.offset, content };
}

function jsonList(strings: readonly string[]): string {
  return `[${strings.map(json).join(', ')}]`;
}

function json(value: string): string {
  return JSON.stringify(value);
}

function unchanged(why: string): EntryRewrite {
  return { type: 'unchanged', why };
}
