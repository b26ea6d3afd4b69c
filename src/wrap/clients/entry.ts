import { createHash } from 'node:crypto';
import type { Edit } from 'jsonc-parser';
import { isOwnVariable } from '../environment.ts';
import { headerVariable, isHeaderVariable, parseHeader, urlVariable } from '../variables.ts';
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
  /** The variable that holds the URL; undefined for a URL in the arguments. */
  readonly urlVariable?: string;
}

const idOption = '--id';
const urlOption = '--url-env';
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
  const variables = environmentOptions(entry);
  const added = ['wrap', idOption, uniqueIdOf(id, [program, ...givenArgs]), ...variables, '--', program];
  const edits = args
    ? [replacing(command.value, json('mcp-once')), insertFirst(source, args.value, added)]
    : [replacing(command.value, `${json('mcp-once')},${gapBefore(source, command)}"args": ${jsonList(added)}`)];
  return { type: 'edited', edits, what: 'mcp-once starts its command' };
}

/**
 * Names the variables of the entry, so that the server gets these and a short safe list. Variables of mcp-once are meant
 * for mcp-once. An entry with `envFile` gets the whole environment, because the names in that file are not known.
 */
function environmentOptions(entry: JsonNode): readonly string[] {
  if (jsonPropertyOf(entry, 'envFile')) return ['--inherit-env'];
  const names = jsonPropertiesOf(jsonPropertyOf(entry, 'env')?.value).map(({ name }) => name);
  const usable = names.filter((name) => name !== '' && !name.includes('=') && !isOwnVariable(name));
  return usable.length === 0 ? ['--no-inherit-env'] : usable.map((name) => `--env=${name}`);
}

function wrapUrl(source: string, entry: JsonNode, url: JsonProperty, id: string): EntryRewrite {
  const address = jsonStringOf(url.value);
  if (address === undefined || !/^(?:https?:\/\/|\$\{)/i.test(address)) return unchanged('its url is not an HTTP URL');
  const signIn = signInMembers.find((name) => jsonPropertyOf(entry, name));
  if (signIn !== undefined) return unchanged(`its client signs in (${signIn}), which mcp-once cannot do instead`);
  const password = passwordHeader(address);
  if (password === 'unreadable')
    return unchanged('its url contains a password that cannot be read: move it to headers');
  const hasAuthorization = jsonPropertiesOf(jsonPropertyOf(entry, 'headers')?.value).some(
    ({ name }) => name.toLowerCase() === 'authorization',
  );
  if (password && hasAuthorization) return unchanged('it has a password in its url and an Authorization header');
  const cleaned = address.replace(userInfo, '$1');
  const isSecret = mayHoldSecret(cleaned);
  const added = [
    ...(isSecret ? [memberText(urlVariable, cleaned)] : []),
    ...(password ? [memberText(headerVariable(0), password)] : []),
  ];
  const variables = toVariables(entry, added);
  if (variables === undefined) return unchanged('its headers or its env are not strings');
  const target = isSecret ? [urlOption, urlVariable] : [cleaned];
  const args = `"args": ${jsonList(['wrap', idOption, uniqueIdOf(id, [address]), ...target])}`;
  const gap = gapBefore(source, url);
  const env = variables.env === undefined ? '' : `,${gap}"env": ${variables.env}`;
  const type = jsonPropertyOf(entry, 'type');
  const edits = [
    replacingFrom(url.key, url.value, `"command": "mcp-once",${gap}${args}${env}`),
    ...(type ? [replacing(type.value, '"stdio"')] : []),
    ...variables.edits,
  ];
  return { type: 'edited', edits, what: 'mcp-once connects to its url' };
}

/** User name and password in a URL. */
const userInfo = /^(https?:\/\/)[^/?#]*@/i;

/**
 * Whether a URL may hold a secret, or a client's reference to one: in its query, or as a path segment that looks
 * random. All users of a machine can read the command lines of its processes.
 */
function mayHoldSecret(address: string): boolean {
  if (/[?#]|\$\{/.test(address)) return true;
  const segments = address.replace(/^https?:\/\/[^/]*/i, '').split('/');
  return segments.some((segment) => segment.length >= 16 && /\d/.test(segment) && /[a-z]/i.test(segment));
}

/** Turns the password in a URL into a header, because `fetch` accepts no such URL. */
function passwordHeader(address: string): string | 'unreadable' | undefined {
  if (!userInfo.test(address)) return undefined;
  if (address.includes('${') || !URL.canParse(address)) return 'unreadable';
  const { username, password } = new URL(address);
  try {
    const text = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    return `Authorization: Basic ${Buffer.from(text).toString('base64')}`;
  } catch {
    return 'unreadable';
  }
}

/**
 * Derives the id from the name and what is started. Different servers that two clients call by the same name get
 * different ids; the same server gets the same id in both, also when it is written again after an undo.
 */
function uniqueIdOf(name: string, words: readonly string[]): string {
  return `${name}-${createHash('sha256').update(JSON.stringify(words)).digest('hex').slice(0, 8)}`;
}

/** The edits that turn headers into variables, and the value of an `env` that the entry does not have yet. */
interface VariableEdits {
  readonly edits: readonly Edit[];
  readonly env?: string;
}

/**
 * Turns headers into variables: they hold secrets, and clients expand `${...}` in variables as well. Returns undefined
 * for headers or variables of an unknown form.
 *
 * @param added members of `env` that come first.
 */
function toVariables(entry: JsonNode, added: readonly string[]): VariableEdits | undefined {
  const headers = jsonPropertyOf(entry, 'headers');
  const env = jsonPropertyOf(entry, 'env');
  if ((headers && headers.value.type !== 'object') || (added.length > 0 && env && env.value.type !== 'object')) {
    return undefined;
  }
  const properties = jsonPropertiesOf(headers?.value);
  const variables = properties.map(({ name, value }, index) => {
    const text = jsonStringOf(value);
    return text === undefined ? undefined : memberText(headerVariable(index + 1), `${name}: ${text}`);
  });
  if (!variables.every((each) => each !== undefined)) return undefined;
  if (env?.value.type === 'object') return { edits: insertMembers(env.value, [...added, ...variables]) };
  if (!headers) return added.length === 0 ? { edits: [] } : { edits: [], env: `{ ${added.join(', ')} }` };
  const renamed = properties.map(({ key, value }, index) => replacingFrom(key, value, variables[index] ?? ''));
  return { edits: [replacing(headers.key, '"env"'), ...insertMembers(headers.value, added), ...renamed] };
}

/** Inserts members before an object's first one. */
function insertMembers(object: JsonNode, members: readonly string[]): readonly Edit[] {
  if (members.length === 0) return [];
  const comma = jsonPropertiesOf(object).length === 0 ? '' : ', ';
  return [{ offset: object.offset + 1, length: 0, content: members.join(', ') + comma }];
}

function unwrapUrl(
  entry: JsonNode,
  command: JsonProperty,
  args: JsonProperty,
  guarded: GuardedEntry,
  typeBefore: string | undefined,
): EntryRewrite {
  const members = jsonPropertiesOf(entry);
  const names = members.map(({ key }) => key);
  if (names.indexOf(args.key) - names.indexOf(command.key) !== 1) {
    return unchanged('its args no longer follow its command: remove mcp-once by hand');
  }
  const type = jsonPropertyOf(entry, 'type');
  const env = jsonPropertyOf(entry, 'env');
  const isAlone = guarded.urlVariable !== undefined && jsonPropertiesOf(env?.value).length === 1;
  // An `env` that holds only the URL is removed as well, where it follows.
  const isRemoved = isAlone && env !== undefined && names.indexOf(env.key) - names.indexOf(args.key) === 1;
  const last = isRemoved ? env.value : args.value;
  const edits = [
    replacingFrom(command.key, last, `"url": ${json(guarded.target)}`),
    ...(type ? [replacing(type.value, json(typeBefore ?? 'http'))] : []),
    ...(env && !isRemoved ? unwrapVariables(entry, env, guarded.urlVariable) : []),
  ];
  return { type: 'edited', edits, what: 'restored' };
}

/** Removes the variable of the URL, and turns variables into headers where no others are left. */
function unwrapVariables(entry: JsonNode, env: JsonProperty, url: string | undefined): readonly Edit[] {
  const properties = jsonPropertiesOf(env.value);
  const index = properties.findIndex(({ name }) => name === url);
  const others = properties.filter(({ name }) => name !== url);
  const isOurs = others.length > 0 && others.every(({ name }) => isHeaderVariable(name));
  return [
    ...removal(properties, index),
    ...(isOurs && !jsonPropertyOf(entry, 'headers') ? variablesToHeaders(env, others) : []),
  ];
}

/** Removes a member and the comma beside it. */
function removal(properties: readonly JsonProperty[], index: number): readonly Edit[] {
  const [before, removed, after] = [properties[index - 1], properties[index], properties[index + 1]];
  if (!removed) return [];
  const end = removed.value.offset + removed.value.length;
  const from = after || !before ? removed.key.offset : before.value.offset + before.value.length;
  return [{ offset: from, length: (after ? after.key.offset : end) - from, content: '' }];
}

function variablesToHeaders(env: JsonProperty, properties: readonly JsonProperty[]): readonly Edit[] {
  const headers = properties.map(({ key, value }) => {
    const [name = '', text = ''] = parseHeader(jsonStringOf(value) ?? '') ?? [];
    return replacingFrom(key, value, memberText(name, text));
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
  const option = dashes < 0 ? words.indexOf(urlOption, own) : -1;
  const variable = option < 0 ? undefined : words[option + 1];
  if (variable !== undefined) {
    const url = jsonStringOf(jsonPropertyOf(jsonPropertyOf(entry, 'env')?.value, variable)?.value);
    return url === undefined ? undefined : { addedArgs: 0, target: url, isUrl: true, urlVariable: variable };
  }
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

function memberText(name: string, value: string): string {
  return `${json(name)}: ${json(value)}`;
}

function json(value: string): string {
  return JSON.stringify(value);
}

function unchanged(why: string): EntryRewrite {
  return { type: 'unchanged', why };
}
