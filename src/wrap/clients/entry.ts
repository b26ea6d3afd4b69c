import { createHash } from 'node:crypto';
import { headerVariable, isHeaderVariable, parseHeader } from './headers.ts';
import {
  type ArrayNode,
  type Edit,
  type JsonNode,
  type Member,
  memberOf,
  type ObjectNode,
  textOf,
  textsOf,
} from './jsonc.ts';

/** What becomes of one server's entry. */
export type EntryRewrite =
  | { readonly type: 'edited'; readonly edits: readonly Edit[]; readonly what: string }
  /** Left as it is, and why. */
  | { readonly type: 'left'; readonly why: string };

/** How a server that is guarded is started, as a client's file has it. */
interface GuardedEntry {
  /** How many of the arguments are ours: those before the server's own. */
  readonly ours: number;
  /** The server's own command, or its URL. */
  readonly target: string;
  readonly isUrl: boolean;
}

/** As the command `wrap` takes it. */
const idOption = '--id';
/** What may stand before the name of the program that is started. */
const launcher =
  /^(?:-.*|\/[cds]|(?:.*[\\/])?(?:npx|bunx|pnpm|yarn|dlx|exec|node|bun|cmd|env)(?:\.(?:cmd|exe|ps1))?)$/i;
const ourName = /^(?:.*[\\/])?mcp-once(?:@[^\\/]*)?(?:\.(?:cmd|exe|ps1))?$|[\\/]mcp-once[\\/].*main\.[jt]s$/i;
/** With these a client signs in itself, which it does not do for a command. */
const signIns = ['oauth', 'auth', 'headersHelper'];

/** Puts mcp-once in front of a server. Whatever else its entry holds stays. */
export function wrapEntry(source: string, entry: JsonNode, id: string): EntryRewrite {
  if (entry.type !== 'object') return left('it is no entry of a server');
  const command = memberOf(entry, 'command');
  const url = memberOf(entry, 'url') ?? memberOf(entry, 'serverUrl');
  if (isOurs(entry)) return left(guardOf(entry) ? 'it is guarded already' : 'it is mcp-once itself');
  if (memberOf(entry, 'mcpOnce')) return left('it is in the configuration of mcp-once itself');
  if (isTrue(memberOf(entry, 'sandboxEnabled'))) {
    return left("it runs in its client's sandbox, which keeps mcp-once from its ledger");
  }
  if (command) return wrapCommand(source, entry, command, id);
  return url ? wrapUrl(source, entry, url, id) : left('it has neither command nor url');
}

/** Takes mcp-once away again. @param typeBefore the entry's `type` before, where it is known. */
export function unwrapEntry(entry: JsonNode, typeBefore: string | undefined): EntryRewrite {
  const guarded = entry.type === 'object' ? guardOf(entry) : undefined;
  const command = memberOf(entry, 'command');
  const args = memberOf(entry, 'args');
  if (!guarded || !command || args?.value.type !== 'array') return left('it is not guarded by mcp-once');
  if (guarded.isUrl) return unwrapUrl(entry, command, args, guarded, typeBefore);
  const { items } = args.value;
  const [first, own] = [items[0], items[guarded.ours]];
  const rest: Edit =
    own && first ? { start: first.start, end: own.start, text: '' } : { ...spanOf(args.value), text: '[]' };
  return { type: 'edited', edits: [{ ...spanOf(command.value), text: json(guarded.target) }, rest], what: 'as it was' };
}

/** Whether an entry starts a server through mcp-once. */
export function isGuarded(entry: JsonNode): boolean {
  return guardOf(entry) !== undefined;
}

function wrapCommand(source: string, entry: ObjectNode, command: Member, id: string): EntryRewrite {
  const program = textOf(command.value);
  const args = memberOf(entry, 'args');
  if (program === undefined || program === '') return left('its command is no text');
  if (args && textsOf(args.value) === undefined) return left('its args are no list of texts');
  const words = [program, ...(textsOf(args?.value) ?? [])];
  const added = ['wrap', idOption, idFor(id, words), '--', program];
  const list = args?.value.type === 'array' ? insertFirst(source, args.value, added) : undefined;
  const rename = { ...spanOf(command.value), text: json('mcp-once') };
  const edits = list
    ? [rename, list]
    : [{ ...rename, text: `${rename.text},${gapBefore(source, command)}"args": ${listOf(added)}` }];
  return { type: 'edited', edits, what: 'its command is started by mcp-once' };
}

function wrapUrl(source: string, entry: ObjectNode, url: Member, id: string): EntryRewrite {
  const address = textOf(url.value);
  if (address === undefined || !/^(?:https?:\/\/|\$\{)/i.test(address)) return left('its url is not one of HTTP');
  const signIn = signIns.find((name) => memberOf(entry, name));
  if (signIn !== undefined) return left(`its client signs in for it (${signIn}), which mcp-once cannot take over`);
  const headers = headerEdits(entry);
  if (headers === undefined) return left('its headers are no texts');
  const args = `"args": ${listOf(['wrap', idOption, idFor(id, [address]), address])}`;
  const type = memberOf(entry, 'type');
  const edits = [
    { start: url.key.start, end: url.value.end, text: `"command": "mcp-once",${gapBefore(source, url)}${args}` },
    ...(type ? [{ ...spanOf(type.value), text: '"stdio"' }] : []),
    ...headers,
  ];
  return { type: 'edited', edits, what: 'its url is reached by mcp-once' };
}

/**
 * The id that is written: the name, and what is started. Two clients may call different servers alike, and the
 * same one must be one in both; written anew after an undo it is the same again.
 */
function idFor(name: string, words: readonly string[]): string {
  return `${name}-${createHash('sha256').update(JSON.stringify(words)).digest('hex').slice(0, 8)}`;
}

/** Headers become variables: what they hold is secret, and clients fill in `${...}` there, too. */
function headerEdits(entry: ObjectNode): readonly Edit[] | undefined {
  const headers = memberOf(entry, 'headers');
  if (!headers) return [];
  if (headers.value.type !== 'object') return undefined;
  const variables = headers.value.members.map(({ name, value }, index) => {
    const text = textOf(value);
    return text === undefined ? undefined : `${json(headerVariable(index + 1))}: ${json(`${name}: ${text}`)}`;
  });
  if (!variables.every((each) => each !== undefined)) return undefined;
  const env = memberOf(entry, 'env');
  if (env?.value.type === 'object') {
    const at = env.value.start + 1;
    const comma = env.value.members.length === 0 ? '' : ', ';
    return variables.length === 0 ? [] : [{ start: at, end: at, text: variables.join(', ') + comma }];
  }
  const members = headers.value.members.map(({ key, value }, index) => {
    return { start: key.start, end: value.end, text: variables[index] ?? '' };
  });
  return [{ ...headers.key, text: '"env"' }, ...members];
}

function unwrapUrl(
  entry: JsonNode,
  command: Member,
  args: Member,
  guarded: GuardedEntry,
  typeBefore: string | undefined,
): EntryRewrite {
  const between = entry.type === 'object' && entry.members.indexOf(args) - entry.members.indexOf(command) === 1;
  if (!between) return left('its args have been moved away from its command: take mcp-once out by hand');
  const type = memberOf(entry, 'type');
  const env = memberOf(entry, 'env');
  const edits = [
    { start: command.key.start, end: args.value.end, text: `"url": ${json(guarded.target)}` },
    ...(type ? [{ ...spanOf(type.value), text: json(typeBefore ?? 'http') }] : []),
    ...(env && !memberOf(entry, 'headers') ? headersBack(env) : []),
  ];
  return { type: 'edited', edits, what: 'as it was' };
}

function headersBack(env: Member): readonly Edit[] {
  if (env.value.type !== 'object' || !env.value.members.every(({ name }) => isHeaderVariable(name))) return [];
  const members = env.value.members.map(({ key, value }) => {
    const [name = '', text = ''] = parseHeader(textOf(value) ?? '') ?? [];
    return { start: key.start, end: value.end, text: `${json(name)}: ${json(text)}` };
  });
  return [{ ...env.key, text: '"headers"' }, ...members];
}

/** The words of the command line that an entry stands for. */
function commandLineOf(entry: JsonNode): readonly string[] {
  const command = textOf(memberOf(entry, 'command')?.value);
  return command === undefined ? [] : [command, ...(textsOf(memberOf(entry, 'args')?.value) ?? [])];
}

/** The place of our own name in the command line; -1 where another program is started. */
function placeOfOurs(words: readonly string[]): number {
  const at = words.findIndex((word) => !launcher.test(word) || ourName.test(word));
  return at >= 0 && ourName.test(words[at] ?? '') ? at : -1;
}

function isOurs(entry: JsonNode): boolean {
  return placeOfOurs(commandLineOf(entry)) >= 0;
}

function guardOf(entry: JsonNode): GuardedEntry | undefined {
  const words = commandLineOf(entry);
  const at = placeOfOurs(words);
  if (at < 0 || words[at + 1] !== 'wrap') return undefined;
  const dashes = words.indexOf('--', at);
  const place = dashes < 0 ? words.findLastIndex((word) => /^(?:https?:\/\/|\$\{)/i.test(word)) : dashes + 1;
  const target = words[place];
  return place <= at || target === undefined ? undefined : { ours: place, target, isUrl: dashes < 0 };
}

/** Puts texts before a list's first item, with the same gaps as it has. */
function insertFirst(source: string, list: ArrayNode, texts: readonly string[]): Edit {
  const [first] = list.items;
  const start = first?.start ?? list.start + 1;
  if (!first) return { start, end: start, text: texts.map(json).join(', ') };
  const before = source.slice(list.start + 1, first.start);
  const gap = before !== '' && before.trim() === '' ? before : ' ';
  return { start, end: start, text: texts.map((text) => `${json(text)},${gap}`).join('') };
}

/** The gap that stands before a member: a new line and its indentation, or a space. */
function gapBefore(source: string, { key }: Member): string {
  const before = /\r?\n[ \t]*$/.exec(source.slice(Math.max(0, key.start - 1_000), key.start));
  return before?.[0] ?? ' ';
}

function spanOf({ start, end }: JsonNode): Pick<Edit, 'start' | 'end'> {
  return { start, end };
}

function isTrue(member: Member | undefined): boolean {
  return member?.value.type === 'scalar' && member.value.value === true;
}

function listOf(texts: readonly string[]): string {
  return `[${texts.map(json).join(', ')}]`;
}

function json(value: string): string {
  return JSON.stringify(value);
}

function left(why: string): EntryRewrite {
  return { type: 'left', why };
}
