import { createHash } from 'node:crypto';
import { defined } from '../../core/json.ts';
import { isOwnVariable } from '../environment.ts';
import { headerVariable, isHeaderVariable, parseHeader, urlVariable } from '../variables.ts';
import type { EntryForm } from './forms.ts';
import { wordsAfterOwn } from './own-command.ts';
import type { MemberTargets } from './text/edit.ts';
import { isSameValue, isSettingsObject, type SettingsObject, type SettingsValue } from './text/node.ts';

/** What happens to a server's entry in a client's file. */
export type EntryChange =
  | {
      readonly type: 'edited';
      readonly targets: MemberTargets;
      /** Old names of members by new ones. */
      readonly renames: ReadonlyMap<string, string>;
      readonly what: string;
    }
  | { readonly type: 'unchanged'; readonly why: string };

/** The server that an entry stands for. */
interface Started {
  readonly words: readonly string[];
  readonly url: string;
}

/** What an entry that starts its server through `mcp-once wrap` says on its command line. */
interface GuardedWords {
  readonly id?: string;
  readonly bearerVariable?: string;
  readonly started: Started;
}

const idOption = '--id';
const urlOption = '--url-env';
const bearerOption = '--bearer-env';
/** Options of `wrap` that take the next word. */
const optionsWithValue = new Set([
  idOption,
  urlOption,
  bearerOption,
  '--account',
  '--env',
  '--header',
  '--store',
  '--config',
]);
/** Members with which a client signs in at a URL by itself. No client does that for a command. */
const signInMembers = ['oauth', 'oauth_resource', 'scopes', 'auth', 'authProviderType', 'headersHelper'];
/** A URL, or the beginning of a reference that a client fills in. */
const urlStart = /^(?:https?:\/\/|\$|\{(?:env|file):)/i;
/** User name and password in a URL. */
const userInfo = /^(https?:\/\/)[^/?#]*@/i;

/**
 * Puts mcp-once in front of a server, and keeps all other members of its entry.
 *
 * @param own the words that start mcp-once.
 */
export function wrapEntry(entry: SettingsValue, form: EntryForm, id: string, own: readonly string[]): EntryChange {
  if (!isSettingsObject(entry)) return unchanged('the entry is not an object');
  const words = commandLineOf(entry, form);
  if (words && wordsAfterOwn(words)) {
    return unchanged(isGuarded(entry, form) ? 'already guarded' : 'this is mcp-once itself');
  }
  if (entry.mcpOnce !== undefined) return unchanged('the file is a configuration of mcp-once itself');
  if (entry.sandboxEnabled === true) return unchanged("the client's sandbox would keep mcp-once from its ledger");
  const type = form.endedTypes?.find((each) => each === entry.type);
  if (type !== undefined) return unchanged(`its client no longer starts servers of the type ${type}`);
  if (entry[form.command] !== undefined) return wrapCommand(entry, form, id, own);
  if (urlNameOf(entry, form) !== undefined) return wrapUrl(entry, form, id, own);
  return unchanged(`the entry has neither ${form.command} nor ${form.url[0]}`);
}

/** Whether an entry starts its server through mcp-once. */
export function isGuarded(entry: SettingsValue, form: EntryForm): boolean {
  return isSettingsObject(entry) && guardedWordsOf(entry, form) !== undefined;
}

/**
 * Removes mcp-once from an entry.
 *
 * @param before the same entry in the backups, newest first.
 * @param isForced also removes mcp-once from an entry that was edited since, or that a person wrote.
 */
export function unwrapEntry(
  entry: SettingsValue,
  form: EntryForm,
  before: readonly SettingsObject[],
  isForced: boolean,
): EntryChange {
  const guarded = isSettingsObject(entry) ? guardedWordsOf(entry, form) : undefined;
  if (!guarded || !isSettingsObject(entry)) return unchanged('not guarded by mcp-once');
  const id = guarded.id?.replace(/-[0-9a-f]{8}$/, '') ?? '';
  for (const original of before) {
    const written = wrapEntry(original, form, id, []);
    if (written.type === 'edited' && isAsWritten(entry, written.targets, form)) {
      return restoring(original, [...written.targets.keys()], form, 'restored');
    }
  }
  const earlier = before[0];
  const urlName = (earlier && urlNameOf(earlier, form)) ?? form.url[0];
  const original = originalOf(entry, guarded, form, urlName);
  const words = guarded.started.url === '' ? guarded.started.words : [String(original[urlName])];
  const isOurs = guarded.id !== undefined && guarded.id === uniqueIdOf(id, words);
  if (!isOurs && !isForced) return unchanged('left: the entry was edited since, or mcp-once did not write it');
  const type = earlier?.type !== undefined && guarded.started.url !== '' ? { type: earlier.type } : {};
  const what = !isOurs ? 'mcp-once was removed' : earlier ? 'restored, with the changes made since' : 'restored';
  return restoring({ ...original, ...type }, Object.keys(original), form, what);
}

function wrapCommand(entry: SettingsObject, form: EntryForm, id: string, own: readonly string[]): EntryChange {
  const words = commandLineOf(entry, form);
  if (words === undefined) {
    const given = form.args === undefined ? undefined : entry[form.args];
    const isText = typeof entry[form.command] === 'string' && entry[form.command] !== '' && given !== undefined;
    return unchanged(isText ? `its ${form.args} are not a list of strings` : `its ${form.command} is not a string`);
  }
  const options = [idOption, uniqueIdOf(id, words), ...environmentOptions(entry, form), '--'];
  const targets = new Map(commandMembers(form, [...own, 'wrap', ...options, ...words]));
  return { type: 'edited', targets, renames: new Map(), what: 'mcp-once starts its command' };
}

/** The members that hold a command line. */
function commandMembers({ command, args }: EntryForm, words: readonly string[]): [string, SettingsValue][] {
  if (args === undefined) return [[command, words]];
  return [
    [command, words[0]],
    [args, words.slice(1)],
  ];
}

/**
 * Names the variables of the entry, so that the server gets these and a short safe list. Variables of mcp-once are meant
 * for mcp-once. An entry with `envFile` gets the whole environment, because the names in that file are not known.
 */
function environmentOptions(entry: SettingsObject, form: EntryForm): readonly string[] {
  if (entry.envFile !== undefined) return ['--inherit-env'];
  const own = entry[form.env];
  const names = [...(isSettingsObject(own) ? Object.keys(own) : []), ...passedNamesOf(entry, form)];
  const usable = [...new Set(names)].filter((name) => name !== '' && !name.includes('=') && !isOwnVariable(name));
  return usable.length === 0 ? ['--no-inherit-env'] : usable.map((name) => `--env=${name}`);
}

/** The names of the variables that the client passes on. Codex also writes `{ name, source }`. */
function passedNamesOf(entry: SettingsObject, { passedVariables }: EntryForm): readonly string[] {
  const passed = passedVariables === undefined ? undefined : entry[passedVariables];
  if (!Array.isArray(passed)) return [];
  return (passed as readonly SettingsValue[]).flatMap((each) => {
    const name = isSettingsObject(each) ? each.name : each;
    return typeof name === 'string' ? [name] : [];
  });
}

function wrapUrl(entry: SettingsObject, form: EntryForm, id: string, own: readonly string[]): EntryChange {
  const urlName = urlNameOf(entry, form) ?? form.url[0];
  const address = entry[urlName];
  if (typeof address !== 'string' || !urlStart.test(address)) return unchanged(`its ${urlName} is not an HTTP URL`);
  const signIn = signInMembers.find((name) => entry[name] !== undefined && entry[name] !== false);
  if (signIn !== undefined) return unchanged(`its client signs in (${signIn}), which mcp-once cannot do instead`);
  if (entry.socket !== undefined) return unchanged('its client connects to a socket, which mcp-once cannot do instead');
  const headers = headerTexts(entry, form);
  const given = entry[form.env];
  if (headers === undefined || (given !== undefined && !isSettingsObject(given))) {
    return unchanged(`its ${form.headers} or its ${form.env} are not strings`);
  }
  const bearer = form.bearerVariable === undefined ? undefined : entry[form.bearerVariable];
  const password = passwordHeader(address);
  if (password === 'unreadable')
    return unchanged(`its ${urlName} contains a password that cannot be read: move it to ${form.headers}`);
  const isAuthorized = bearer !== undefined || headers.some((header) => /^authorization:/i.test(header));
  if (password && isAuthorized) return unchanged(`it has a password in its ${urlName} and an Authorization header`);
  const cleaned = address.replace(userInfo, '$1');
  const isSecret = mayHoldSecret(cleaned);
  const variables = {
    ...(isSecret ? { [urlVariable]: cleaned } : {}),
    ...(password ? { [headerVariable(0)]: password } : {}),
    ...Object.fromEntries(headers.map((header, index) => [headerVariable(index + 1), header])),
  };
  const words = [
    ...[...own, 'wrap', idOption, uniqueIdOf(id, [address])],
    ...(typeof bearer === 'string' ? [bearerOption, bearer] : []),
    ...(isSecret ? [urlOption, urlVariable] : [cleaned]),
  ];
  const passed = passedNamesFor(entry, form, bearer);
  const targets = new Map<string, SettingsValue>([
    ...commandMembers(form, words),
    ...(Object.keys(variables).length > 0 ? [[form.env, { ...variables, ...given }] as const] : []),
    ...(passed.length > 0 ? [[form.passedVariables ?? '', passed] as const] : []),
    ...(entry.type !== undefined ? [['type', form.type.command] as const] : []),
    ...[urlName, form.headers, form.variableHeaders, form.bearerVariable, 'oauth'].flatMap((name) =>
      name !== undefined && entry[name] !== undefined ? [[name, undefined] as const] : [],
    ),
  ]);
  return { type: 'edited', targets, renames: renamesOf(form, urlName), what: 'mcp-once connects to its url' };
}

/** The members that take the places of others when a URL becomes a command. */
function renamesOf({ command, env, headers }: EntryForm, urlName: string): ReadonlyMap<string, string> {
  return new Map([
    [command, urlName],
    [env, headers],
  ]);
}

/** The headers of an entry as `Name: value`; undefined for any other form. */
function headerTexts(entry: SettingsObject, form: EntryForm): readonly string[] | undefined {
  // The others keep their places, so that comments stay beside them.
  const texts = [form.variableHeaders, form.headers].flatMap((member) => {
    const headers = member === undefined ? undefined : entry[member];
    if (member === undefined || headers === undefined) return [];
    if (!isSettingsObject(headers)) return [undefined];
    return Object.entries(headers).map(([name, value]) => {
      if (typeof value !== 'string') return undefined;
      return `${name}: ${member === form.variableHeaders ? `\${${value}}` : filledIn(value, entry, form)}`;
    });
  });
  return texts.every((text) => text !== undefined) ? texts : undefined;
}

/** Writes Goose's references `$NAME` as `${NAME}`, which mcp-once fills in for a header. */
function filledIn(value: string, entry: SettingsObject, form: EntryForm): string {
  if (form.passedVariables !== 'env_keys') return value;
  const names = [...Object.keys(valuesOf(entry[form.env])), ...passedNamesOf(entry, form)];
  return value.replace(/\$([A-Za-z_]\w*)/g, (text, name: string) => (names.includes(name) ? `\${${name}}` : text));
}

/** The list of variables that Codex must pass on, so that mcp-once can fill in the headers. */
function passedNamesFor(entry: SettingsObject, form: EntryForm, bearer: SettingsValue): readonly string[] {
  const headers = form.variableHeaders === undefined ? undefined : entry[form.variableHeaders];
  const named = [bearer, ...(isSettingsObject(headers) ? Object.values(headers) : [])];
  return [...new Set(named.filter((name) => typeof name === 'string'))];
}

/**
 * Whether a URL may hold a secret, or a client's reference to one: in its query, or as a path segment that looks
 * random. All users of a machine can read the command lines of its processes.
 */
function mayHoldSecret(address: string): boolean {
  if (/[?#$]|\{(?:env|file):/.test(address)) return true;
  const segments = address.replace(/^https?:\/\/[^/]*/i, '').split('/');
  return segments.some((segment) => segment.length >= 16 && /\d/.test(segment) && /[a-z]/i.test(segment));
}

/** Turns the password in a URL into a header, because `fetch` accepts no such URL. */
function passwordHeader(address: string): string | 'unreadable' | undefined {
  if (!userInfo.test(address)) return undefined;
  if (/[${]/.test(address) || !URL.canParse(address)) return 'unreadable';
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

function guardedWordsOf(entry: SettingsObject, form: EntryForm): GuardedWords | undefined {
  const [command, ...words] = wordsAfterOwn(commandLineOf(entry, form) ?? []) ?? [];
  if (command !== 'wrap') return undefined;
  const options = new Map<string, string>();
  let started: Started | undefined;
  for (let index = 0; index < words.length && !started; index += 1) {
    const word = words[index] ?? '';
    const next = words[index + 1];
    if (word === '--') started = { words: words.slice(index + 1), url: '' };
    else if (urlStart.test(word)) started = { words: [], url: word };
    else if (optionsWithValue.has(word) && next !== undefined) {
      options.set(word, next);
      index += 1;
    }
  }
  const url = valuesOf(entry[form.env])[options.get(urlOption) ?? ''];
  if (!started && typeof url === 'string') started = { words: [], url };
  if (!started || (started.url === '' && started.words.length === 0)) return undefined;
  return { started, ...defined({ id: options.get(idOption), bearerVariable: options.get(bearerOption) }) };
}

/** Whether the members that mcp-once wrote have the values that it wrote. Its own program may have moved. */
function isAsWritten(entry: SettingsObject, targets: MemberTargets, form: EntryForm): boolean {
  const written = commandLineOf(Object.fromEntries(targets), form)?.slice(1);
  const present = wordsAfterOwn(commandLineOf(entry, form) ?? [])?.slice(1);
  const isCommand = (name: string): boolean => name === form.command || name === form.args;
  return (
    isSameValue(present, written) &&
    [...targets].every(([name, value]) => isCommand(name) || isSameValue(entry[name], value))
  );
}

/** Gives members the values of the entry before. A `type` that the client added is removed with the command. */
function restoring(original: SettingsObject, touched: readonly string[], form: EntryForm, what: string): EntryChange {
  const urlName = urlNameOf(original, form);
  const first = urlName === undefined ? [form.command, form.args ?? form.command] : [urlName, form.headers];
  const isUrl = urlName !== undefined;
  const names = new Set([...first, ...touched, ...(isUrl ? ['type', form.command, form.args ?? '', form.env] : [])]);
  const targets = new Map([...names].filter((name) => name !== '').map((name) => [name, original[name]]));
  const renames = new Map(isUrl ? [...renamesOf(form, urlName)].map(([to, from]) => [from, to]) : []);
  return { type: 'edited', targets, renames, what };
}

/** Reconstructs the members of an entry from the words and variables that mcp-once added. */
function originalOf(
  entry: SettingsObject,
  { started, bearerVariable }: GuardedWords,
  form: EntryForm,
  urlName: string,
): SettingsObject {
  if (started.url === '') return Object.fromEntries(commandMembers(form, started.words));
  const env = valuesOf(entry[form.env]);
  const headers = Object.entries(env).flatMap(([variable, text]) => {
    const parsed = isHeaderVariable(variable) && typeof text === 'string' ? parseHeader(text) : undefined;
    return parsed ? [{ variable, name: parsed[0], value: parsed[1] }] : [];
  });
  const password = headers.find(({ variable }) => variable === headerVariable(0))?.value;
  const others = headers.filter(({ variable }) => variable !== headerVariable(0));
  const isReference = ({ value }: { value: string }): boolean =>
    form.variableHeaders !== undefined && /^\$\{\w+\}$/.test(value);
  const references = others.filter(isReference).map(({ name, value }) => [name, value.slice(2, -1)] as const);
  const texts = others.filter((each) => !isReference(each)).map(({ name, value }) => [name, value] as const);
  const rest = Object.entries(env).filter(([name]) => name !== urlVariable && !isHeaderVariable(name));
  const members: readonly (readonly [string | undefined, SettingsValue])[] = [
    [urlName, password === undefined ? started.url : withPassword(started.url, password)],
    [form.headers, objectOrNothing(texts)],
    [form.variableHeaders, objectOrNothing(references)],
    [form.bearerVariable, bearerVariable],
    // Codex allows this list for a command only.
    [form.bearerVariable && form.passedVariables, undefined],
    [form.env, objectOrNothing(rest)],
    ['type', entry.type === undefined ? undefined : form.type.url],
  ];
  return Object.fromEntries(members.flatMap(([name, value]) => (name === undefined ? [] : [[name, value]])));
}

function objectOrNothing(members: readonly (readonly [string, SettingsValue])[]): SettingsValue {
  return members.length === 0 ? undefined : Object.fromEntries(members);
}

function withPassword(url: string, header: string): string {
  const [user = '', ...rest] = Buffer.from(header.replace(/^Basic /, ''), 'base64')
    .toString()
    .split(':');
  return url.replace(/^(https?:\/\/)/i, `$1${encodeURIComponent(user)}:${encodeURIComponent(rest.join(':'))}@`);
}

/** The words of the command line that an entry stands for; undefined for any other form. */
function commandLineOf(entry: SettingsObject, { command, args }: EntryForm): readonly string[] | undefined {
  const program = entry[command];
  const given = args === undefined ? [] : (entry[args] ?? []);
  const words: SettingsValue = args === undefined ? program : Array.isArray(given) ? [program, ...given] : undefined;
  if (!Array.isArray(words) || words[0] === '' || words.length === 0) return undefined;
  return words.every((word) => typeof word === 'string') ? words : undefined;
}

function urlNameOf(entry: SettingsObject, { url }: EntryForm): string | undefined {
  return url.find((name) => entry[name] !== undefined);
}

function valuesOf(value: SettingsValue): SettingsObject {
  return isSettingsObject(value) ? value : {};
}

function unchanged(why: string): EntryChange {
  return { type: 'unchanged', why };
}
