import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { type Cli, errorLine, exitCodes, plain, refuse, UsageError } from '../../command/cli.ts';
import { tableOf } from '../../command/table.ts';
import { describeError, McpOnceError } from '../../core/errors.ts';
import {
  type ClientFile,
  type ClientFileUndo,
  readClientFile,
  removeBackups,
  replaceFile,
  replaceWithBackup,
  undoOf,
} from './backup.ts';
import { type EntryChange, isGuarded, unwrapEntry, wrapEntry } from './entry.ts';
import { type ClientName, clientFiles, clientNames, type Places } from './files.ts';
import { isInNpxCache, ownWords } from './own-command.ts';
import { type FileServer, nodeAt, readServers, type ServersFile } from './servers.ts';
import { editsFor, FixedForm, type TextEdit } from './text/edit.ts';
import { isSettingsObject, type SettingsObject, settingsValueOf } from './text/node.ts';

/** The options of `wrap` that concern clients' files. */
export interface WrapClientsOptions {
  /** The path of a client's file. */
  readonly config?: string;
  /** Selects all existing files of a client; `auto` selects those of all clients. */
  readonly client?: ClientName | 'auto';
  /** With the client `auto`: changes the files of all clients. */
  readonly all?: boolean;
  /** Writes the changes. Otherwise the command only prints them. */
  readonly write?: boolean;
  /** Removes mcp-once from the files. */
  readonly undo?: boolean;
  /** With `undo`: also removes mcp-once from an entry that was edited since. */
  readonly force?: boolean;
}

/** What the tests set themselves. */
export interface WrapClientsPlaces extends Pick<Places, 'platform' | 'folder'> {
  /** The words that start mcp-once. */
  readonly own?: readonly string[];
}

type ServerChange = EntryChange & { readonly server: FileServer; readonly edits: readonly TextEdit[] };

/**
 * Rewrites clients' files so that they start every server through mcp-once, or removes mcp-once from them. Replaces each
 * file atomically and keeps a copy beside it as long as the file starts mcp-once. Prints what happens to each server, but
 * no value of its entry.
 *
 * @throws McpOnceError `invalid_input`, UsageError
 */
export async function runWrapClients(
  cli: Cli,
  options: WrapClientsOptions,
  { platform, folder, own = ownWords(cli.environment) }: WrapClientsPlaces = {
    platform: process.platform,
    folder: process.cwd(),
  },
): Promise<number> {
  const { environment } = cli;
  const { client, config, all, write, undo, force } = options;
  if (write && undo) throw new UsageError('--write and --undo cannot be used together');
  if (force && !undo) throw new UsageError('--force requires --undo');
  if (all && client !== 'auto') throw new UsageError('--all requires --client auto');
  if (config !== undefined && client !== undefined) {
    throw new UsageError('--config and --client cannot be used together');
  }
  const places = { platform, folder, environment, home: environment.HOME || environment.USERPROFILE || homedir() };
  if (client === 'auto' && !all) {
    if (write || undo) {
      throw new UsageError('--client auto only lists: name a client, or add --all to change the files of all clients');
    }
    return listClients(cli, places);
  }
  const run = async (named: string): Promise<void> => {
    const file = await readClientFile(named);
    if (undo) await undoFile(cli, file, places, force === true);
    else await wrapFile(cli, file, places, own, write === true);
  };
  if (config !== undefined) {
    await run(resolve(folder, config));
    return exitCodes.ok;
  }
  if (client === undefined) throw new UsageError('no file was named: use --config FILE or --client NAME');
  if (client === 'auto') return forAll(cli, await existingFilesOf(clientNames, places), run);
  const known = clientFiles(client, places);
  const found = await existingOf(known);
  if (found.length > 0) return forAll(cli, found, run);
  return refuse(
    `No file of ${client} was found at ${known.join(', ')}. Nothing was changed. Name the file with --config.`,
  );
}

/** Handles one file after the other. A file that cannot be handled does not stop the others. */
async function forAll(cli: Cli, files: readonly string[], run: (file: string) => Promise<void>): Promise<number> {
  if (files.length === 0) refuse('No file of any client was found. Nothing was changed. Name a file with --config.');
  let failed = false;
  for (const file of files) {
    try {
      await run(file);
    } catch (error) {
      cli.tell(errorLine(aboutFile(file, error)));
      failed = true;
    }
  }
  return failed ? exitCodes.failure : exitCodes.ok;
}

/** Names the file in an error that does not: one client's file must not hide those of the others. */
function aboutFile(file: string, error: unknown): McpOnceError {
  if (error instanceof McpOnceError) return error;
  const what = `${file}: it cannot be read or edited (${describeError(error)}). The file was not changed.`;
  return new McpOnceError('invalid_input', what, { cause: error });
}

/** Lists the servers of all clients. Changes nothing. */
async function listClients(cli: Cli, places: Places): Promise<number> {
  const found = await Promise.all(
    clientNames.map(async (client) =>
      (await existingOf(clientFiles(client, places))).map((file) => ({ client, file })),
    ),
  );
  const rows = await Promise.all(
    found.flat().map(async ({ client, file }): Promise<readonly (readonly string[])[]> => {
      try {
        const { servers } = await readServers(await readClientFile(file), places);
        if (servers.length === 0) return [[client, file, '', 'no servers']];
        return servers.map((server) => [client, file, nameOf(server), stateOf(server)]);
      } catch (error) {
        return [[client, file, '', aboutFile(file, error).message]];
      }
    }),
  );
  if (rows.length === 0) {
    cli.print('No file of any client was found. Name a file with --config.');
    return exitCodes.ok;
  }
  cli.print(tableOf(['CLIENT', 'FILE', 'SERVER', 'STATE'], rows.flat()));
  cli.print(
    'Nothing was changed. To guard servers: mcp-once wrap --client NAME --write, or --client auto --all --write.',
  );
  return exitCodes.ok;
}

function stateOf({ entry, form, id }: FileServer): string {
  if (isGuarded(entry, form)) return 'guarded';
  const change = wrapEntry(entry, form, id, []);
  return change.type === 'edited' ? 'not guarded' : `cannot be guarded: ${change.why}`;
}

async function existingFilesOf(clients: readonly ClientName[], places: Places): Promise<readonly string[]> {
  return existingOf([...new Set(clients.flatMap((client) => clientFiles(client, places)))]);
}

async function existingOf(files: readonly string[]): Promise<readonly string[]> {
  const exists = await Promise.all(
    files.map((file) =>
      stat(file).then(
        (found) => found.isFile(),
        () => false,
      ),
    ),
  );
  return files.filter((_, index) => exists[index]);
}

async function wrapFile(
  cli: Cli,
  file: ClientFile,
  places: Places,
  own: readonly string[],
  mayWrite: boolean,
): Promise<void> {
  const read = await readServers(file, places);
  const changes = read.servers.map((server) =>
    withEdits(read, server, wrapEntry(server.entry, server.form, server.id, own)),
  );
  const count = changes.filter(({ type }) => type === 'edited').length;
  printChanges(cli, file, changes);
  if (count === 0 || !mayWrite) {
    cli.print(
      count === 0
        ? 'Nothing was changed.'
        : `Nothing was changed. With --write, ${serverCount(count)} will be guarded.`,
    );
    return;
  }
  const backup = await replaceWithBackup(file, read.text.edited(changes.flatMap(({ edits }) => edits)));
  cli.print(`${serverCount(count)} guarded from the next start of the client, by ${plain(own.join(' '))}.`);
  if (isInNpxCache(own)) {
    cli.tell(
      'mcp-once: warning: this is the copy that npx keeps, and npm may remove it. Then none of these servers start. Install mcp-once (npm install -g mcp-once), undo the change, and write it again.',
    );
  }
  cli.print(`Backup: ${backup}. To undo: mcp-once wrap --config ${JSON.stringify(file.path)} --undo`);
}

/** Removes mcp-once from a file, entry by entry where the file has changed since it was rewritten. */
async function undoFile(cli: Cli, file: ClientFile, places: Places, isForced: boolean): Promise<void> {
  const { backups, bytes } = await undoOf(file);
  // A backup that cannot be read does not help.
  const restored = await readServers({ ...file, bytes }, places).catch(() => undefined);
  const undo = { backups, bytes: restored ? bytes : file.bytes };
  const read = restored ?? (await readServers(file, places));
  const guarded = read.servers.filter(({ entry, form }) => isGuarded(entry, form));
  const isRestored = !undo.bytes.equals(file.bytes);
  if (guarded.length === 0 && !isRestored) {
    await removeBackups(undo);
    cli.print(`${file.path}: no server in the file is guarded. Nothing was changed.`);
    return;
  }
  const earlier = await earlierEntries(undo, places);
  const changes = guarded.map((server) => {
    const before = earlier(server.path);
    return withEdits(read, server, unwrapEntry(server.entry, server.form, before, isForced));
  });
  const next = read.text.edited(changes.flatMap(({ edits }) => edits));
  if (!next.equals(file.bytes)) await replaceFile(file, next);
  const left = changes.filter(({ type }) => type === 'unchanged').length;
  if (left === 0) await removeBackups(undo);
  if (isRestored && guarded.length === 0) {
    cli.print(`${file.path}: restored as it was before.`);
    return;
  }
  printChanges(cli, file, changes);
  cli.print(
    left === 0
      ? 'mcp-once was removed. Everything else is unchanged.'
      : `${serverCount(left)} still ${left === 1 ? 'starts' : 'start'} through mcp-once. To remove only mcp-once from edited entries: mcp-once wrap --config ${JSON.stringify(file.path)} --undo --force`,
  );
}

/** Returns the entries at a path in the backups, newest first. */
async function earlierEntries(
  { backups }: ClientFileUndo,
  places: Places,
): Promise<(path: readonly string[]) => readonly SettingsObject[]> {
  const files = await Promise.all(
    backups.map(async ({ path, original }) => {
      try {
        const file = await readClientFile(path);
        return (await readServers({ ...file, path: original }, places)).text.root;
      } catch {
        // A backup that cannot be read does not help, and must not stop the undo.
        return undefined;
      }
    }),
  );
  return (path) =>
    files.flatMap((root) => {
      const node = root && nodeAt(root, path);
      const value = node && settingsValueOf(node);
      return isSettingsObject(value) ? [value] : [];
    });
}

function withEdits({ text }: ServersFile, server: FileServer, change: EntryChange): ServerChange {
  if (change.type === 'unchanged' || server.node.kind !== 'map') return { ...change, server, edits: [] };
  try {
    const edits = editsFor(text, server.node, change.targets, change.renames);
    text.edited(edits);
    return { ...change, server, edits };
  } catch (error) {
    if (!(error instanceof FixedForm)) throw error;
    return {
      type: 'unchanged',
      why: `its form in the ${text.kind} file cannot be edited: change it by hand`,
      server,
      edits: [],
    };
  }
}

/** Prints names and results, but no argument, variable or header: they may be secret. */
function printChanges(cli: Cli, { path }: ClientFile, changes: readonly ServerChange[]): void {
  cli.print(path);
  const rows = changes.map((change) => [
    nameOf(change.server),
    change.type === 'edited' ? change.what : change.why.startsWith('left: ') ? change.why : `unchanged: ${change.why}`,
  ]);
  cli.print(rows.length === 0 ? 'The file has no MCP servers.' : tableOf(['SERVER', 'WHAT'], rows));
}

function nameOf({ name, path }: FileServer): string {
  return path[0] === 'projects' ? `${name} (${plain(path[1] ?? '')})` : name;
}

function serverCount(count: number): string {
  return count === 1 ? '1 server' : `${count} servers`;
}
