import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { applyEdits } from 'jsonc-parser';
import { type Cli, exitCodes, plain, refuse, UsageError } from '../../command/cli.ts';
import { tableOf } from '../../command/table.ts';
import {
  type Backup,
  backupsOf,
  type ClientFile,
  isUnchangedSince,
  readClientFile,
  replaceFile,
  replaceWithBackup,
} from './backup.ts';
import { type EntryRewrite, isGuarded, unwrapEntry, wrapEntry } from './entry.ts';
import { type ClientName, clientFiles, type Places, projectOf, serverIdOf } from './files.ts';
import { type JsonNode, jsonPropertiesOf, jsonPropertyOf, jsonStringOf, readJsonc } from './jsonc.ts';

/** The options of `wrap` that concern clients' files. */
export interface WrapClientsOptions {
  /** The path of a client's file. */
  readonly config?: string;
  /** Selects all existing files of a client. */
  readonly client?: ClientName;
  /** Writes the changes. Otherwise the command only prints them. */
  readonly write?: boolean;
  /** Restores the files. */
  readonly undo?: boolean;
  /** With `undo`: removes only mcp-once from a file that has changed since it was rewritten. */
  readonly force?: boolean;
}

/** One server in a client's file. */
interface FileServer {
  readonly name: string;
  /** The names of the members that lead to it. */
  readonly path: readonly string[];
  readonly id: string;
  readonly entry: JsonNode;
}

type EntryOutcome = EntryRewrite & { readonly server: FileServer };

/**
 * Rewrites clients' files so that they start every server through mcp-once, or restores them. Replaces each file
 * atomically and keeps a copy beside it. Prints what happens to each server, but no value of its entry.
 *
 * @throws McpOnceError `invalid_input`, UsageError
 */
export async function runWrapClients(
  cli: Cli,
  options: WrapClientsOptions,
  { platform, folder }: Pick<Places, 'platform' | 'folder'> = { platform: process.platform, folder: process.cwd() },
): Promise<number> {
  const { environment } = cli;
  const home = environment.HOME || environment.USERPROFILE || homedir();
  if (options.force && !options.undo) throw new UsageError('--force requires --undo');
  const places = { platform, home, folder, environment };
  for (const named of await filesOf(options, places)) {
    const file = await readClientFile(named);
    if (options.undo) await undo(cli, file, home, options.force === true);
    else await wrap(cli, file, home, options.write === true);
  }
  return exitCodes.ok;
}

async function filesOf({ config, client }: WrapClientsOptions, places: Places): Promise<readonly string[]> {
  if (config !== undefined && client !== undefined)
    throw new UsageError('--config and --client cannot be used together');
  if (config !== undefined) return [resolve(places.folder, config)];
  if (client === undefined) throw new UsageError('no file was named: use --config FILE or --client NAME');
  const known = clientFiles(client, places);
  const exists = await Promise.all(
    known.map((file) =>
      stat(file).then(
        (found) => found.isFile(),
        () => false,
      ),
    ),
  );
  const found = known.filter((_, index) => exists[index]);
  if (found.length > 0) return found;
  return refuse(
    `No file of ${client} was found at ${known.join(', ')}. Nothing was changed. Name the file with --config.`,
  );
}

async function wrap(cli: Cli, file: ClientFile, home: string, mayWrite: boolean): Promise<void> {
  const source = sourceOf(file);
  const outcomes = serversOf(file, home).map(
    (server): EntryOutcome => ({ ...wrapEntry(source, server.entry, server.id), server }),
  );
  const edits = outcomes.flatMap((outcome) => (outcome.type === 'edited' ? outcome.edits : []));
  const count = outcomes.filter(({ type }) => type === 'edited').length;
  printOutcomes(cli, file, outcomes);
  if (count === 0 || !mayWrite) {
    cli.print(
      count === 0
        ? 'Nothing was changed.'
        : `Nothing was changed. With --write, ${serverCount(count)} will be guarded.`,
    );
    return;
  }
  const backup = await replaceWithBackup(file, Buffer.from(applyEdits(source, edits)));
  cli.print(
    `${serverCount(count)} guarded from the next start of the client. The client must find mcp-once on its PATH.`,
  );
  if (!(await isOnPath('mcp-once', cli.environment))) {
    cli.tell(
      'mcp-once: warning: mcp-once is not on the PATH, so none of these servers will start. Install it (npm install -g mcp-once), or undo the change.',
    );
  }
  cli.print(`Backup: ${backup}. To undo: mcp-once wrap --config ${JSON.stringify(file.path)} --undo`);
}

/** Restores all bytes of an unchanged file. In a changed file it removes only mcp-once, and only with `--force`. */
async function undo(cli: Cli, file: ClientFile, home: string, isForced: boolean): Promise<void> {
  const backups = await backupsOf(file.path);
  const backup = backups.find((each) => isUnchangedSince(each, file));
  if (backup) {
    await restore(cli, file, backup);
  } else if (!serversOf(file, home).some(({ entry }) => isGuarded(entry))) {
    cli.print(`${file.path}: no server in the file is guarded. Nothing was changed.`);
  } else if (isForced) {
    await unwrap(cli, file, home, backups[0]);
  } else {
    const why = backups[0] ? 'the file has changed since it was rewritten' : 'the file has no backup';
    const kept = backups[0] ? ` The backup is ${backups[0].path}.` : '';
    refuse(`${file.path}: ${why}. Nothing was changed. To remove only mcp-once, use --undo --force.${kept}`);
  }
}

/** Writes a backup over its file, and keeps the backup. */
async function restore(cli: Cli, file: ClientFile, backup: Backup): Promise<void> {
  const { bytes } = await readClientFile(backup.path);
  await replaceFile(file, bytes);
  cli.print(`${file.path}: restored from ${backup.path}.`);
}

async function unwrap(cli: Cli, file: ClientFile, home: string, newest: Backup | undefined): Promise<void> {
  const source = sourceOf(file);
  const before = newest ? readJsonc(sourceOf(await readClientFile(newest.path)), newest.path) : undefined;
  const guarded = serversOf(file, home).filter(({ entry }) => isGuarded(entry));
  const outcomes = guarded.map((server): EntryOutcome => {
    const typeBefore = jsonStringOf(nodeAt(before, [...server.path, 'type']));
    return { ...unwrapEntry(server.entry, typeBefore), server };
  });
  const edits = outcomes.flatMap((outcome) => (outcome.type === 'edited' ? outcome.edits : []));
  if (edits.length > 0) await replaceFile(file, Buffer.from(applyEdits(source, edits)));
  printOutcomes(cli, file, outcomes);
  cli.print('mcp-once was removed. Everything else is unchanged.');
}

/** Finds all servers of a file: of the user, of each project (Claude Code), and in a settings file (VS Code). */
function serversOf(file: ClientFile, home: string): readonly FileServer[] {
  const root = readJsonc(sourceOf(file), file.path);
  if (root.type !== 'object') refuse(`${file.path}: the file is not a JSON object. Nothing was changed.`);
  const project = projectOf(file.path, home);
  const own = [['mcpServers'], ['servers'], ['mcp', 'servers']].flatMap((path) => serversAt(root, path, project));
  const names = jsonPropertiesOf(nodeAt(root, ['projects'])).map(({ name }) => name);
  return [...own, ...names.flatMap((name) => serversAt(root, ['projects', name, 'mcpServers'], name))];
}

function serversAt(root: JsonNode, path: readonly string[], project: string | undefined): readonly FileServer[] {
  const servers = jsonPropertiesOf(nodeAt(root, path));
  return servers.map(({ name, value }) => ({
    name,
    path: [...path, name],
    id: serverIdOf(name, project),
    entry: value,
  }));
}

function nodeAt(root: JsonNode | undefined, path: readonly string[]): JsonNode | undefined {
  return path.reduce<JsonNode | undefined>((node, name) => jsonPropertyOf(node, name)?.value, root);
}

/** Decodes a file. Only UTF-8 can be restored byte for byte. */
function sourceOf({ path, bytes }: ClientFile): string {
  const source = bytes.toString('utf8');
  return Buffer.from(source).equals(bytes) ? source : refuse(`${path}: the file is not UTF-8. Nothing was changed.`);
}

/** Prints names and results, but no argument, variable or header: they may be secret. */
function printOutcomes(cli: Cli, { path }: ClientFile, outcomes: readonly EntryOutcome[]): void {
  cli.print(path);
  const rows = outcomes.map((outcome) => {
    const { server } = outcome;
    const where = server.path[0] === 'projects' ? `${server.name} (${plain(server.path[1] ?? '')})` : server.name;
    return [where, outcome.type === 'edited' ? outcome.what : `unchanged: ${outcome.why}`];
  });
  cli.print(rows.length === 0 ? 'The file has no MCP servers.' : tableOf(['SERVER', 'WHAT'], rows));
}

function serverCount(count: number): string {
  return count === 1 ? '1 server' : `${count} servers`;
}

/** Whether a folder of the PATH holds a program. */
async function isOnPath(program: string, { PATH = '' }: Cli['environment']): Promise<boolean> {
  const names = process.platform === 'win32' ? [`${program}.cmd`, `${program}.exe`] : [program];
  const places = PATH.split(delimiter).flatMap((folder) => names.map((name) => join(folder || '.', name)));
  const found = await Promise.all(
    places.map((place) =>
      access(place, constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.includes(true);
}
