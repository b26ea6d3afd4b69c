import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { type Cli, exitCodes, plain, refuse, UsageError } from '../../cli/cli.ts';
import { tableOf } from '../../cli/table.ts';
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
import { applyEdits, type JsonNode, memberOf, readJsonc, textOf } from './jsonc.ts';

export interface WrapClientsOptions {
  /** A client's file. */
  readonly config?: string;
  /** A client whose files are known; all that exist are taken. */
  readonly client?: ClientName;
  /** Without it, what would be done is printed. */
  readonly write?: boolean;
  readonly undo?: boolean;
  /** With `undo`: take only our part out of a file that was changed since. */
  readonly force?: boolean;
}

/** One server in a client's file. */
interface FileServer {
  readonly name: string;
  /** The members that lead to it. */
  readonly path: readonly string[];
  readonly id: string;
  readonly entry: JsonNode;
}

type EntryOutcome = EntryRewrite & { readonly server: FileServer };

/**
 * Rewrites clients' files so that every server in them is guarded, or takes that back. Each file in one step;
 * a copy of it is kept beside it. Prints what is done with each server, and no value of it.
 * @throws McpOnceError `invalid_input`, UsageError
 */
export async function runWrapClients(
  cli: Cli,
  options: WrapClientsOptions,
  { platform, folder }: Pick<Places, 'platform' | 'folder'> = { platform: process.platform, folder: process.cwd() },
): Promise<number> {
  const { environment } = cli;
  const home = environment.HOME || environment.USERPROFILE || homedir();
  if (options.force && !options.undo) throw new UsageError('--force goes with --undo');
  const places = { platform, home, folder, environment };
  for (const named of await filesOf(options, places)) {
    const file = await readClientFile(named);
    if (options.undo) await undo(cli, file, home, options.force === true);
    else await wrap(cli, file, home, options.write === true);
  }
  return exitCodes.ok;
}

async function filesOf({ config, client }: WrapClientsOptions, places: Places): Promise<readonly string[]> {
  if (config !== undefined && client !== undefined) throw new UsageError('--config and --client exclude one another');
  if (config !== undefined) return [resolve(places.folder, config)];
  if (client === undefined) throw new UsageError('which file? Give --config FILE or --client NAME');
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
    `There is no file of ${client}: looked for ${known.join(', ')}. Nothing was changed: name it by --config.`,
  );
}

async function wrap(cli: Cli, file: ClientFile, home: string, isWanted: boolean): Promise<void> {
  const source = sourceOf(file);
  const outcomes = serversOf(file, home).map(
    (server): EntryOutcome => ({ ...wrapEntry(source, server.entry, server.id), server }),
  );
  const edits = outcomes.flatMap((outcome) => (outcome.type === 'edited' ? outcome.edits : []));
  const count = outcomes.filter(({ type }) => type === 'edited').length;
  tell(cli, file, outcomes);
  if (count === 0 || !isWanted) {
    cli.print(`Nothing was changed${count === 0 ? '' : `: with --write ${plural(count)} will be guarded`}.`);
    return;
  }
  const backup = await replaceWithBackup(file, Buffer.from(applyEdits(source, edits)));
  cli.print(`${plural(count)} guarded from the next start of the client on; it has to find mcp-once on its PATH.`);
  if (!(await isOnPath('mcp-once', cli.environment))) {
    cli.tell(
      'mcp-once: warning: there is no mcp-once on the PATH here, and so none of these servers will start: install it (npm install -g mcp-once), or take the change back.',
    );
  }
  cli.print(`As it was: ${backup}. To take it back: mcp-once wrap --config ${JSON.stringify(file.path)} --undo`);
}

/** Byte for byte while the file is as it was written; else only our part, and only by force. */
async function undo(cli: Cli, file: ClientFile, home: string, isForced: boolean): Promise<void> {
  const backups = await backupsOf(file.path);
  const backup = backups.find((each) => isUnchangedSince(each, file));
  if (backup) {
    await restore(cli, file, backup);
  } else if (!serversOf(file, home).some(({ entry }) => isGuarded(entry))) {
    cli.print(`${file.path}: no server in it is guarded. Nothing was changed.`);
  } else if (isForced) {
    await unwrap(cli, file, home, backups[0]);
  } else {
    const why = backups[0] ? 'it was changed since it was rewritten' : 'there is no backup of it';
    const kept = backups[0] ? ` Its backup is ${backups[0].path}.` : '';
    refuse(`${file.path}: ${why}. Nothing was changed: --undo --force takes mcp-once out, and leaves the rest.${kept}`);
  }
}

/** The backup stays. */
async function restore(cli: Cli, file: ClientFile, backup: Backup): Promise<void> {
  const { bytes } = await readClientFile(backup.path);
  await replaceFile(file, bytes);
  cli.print(`${file.path}: as it was before, from ${backup.path}.`);
}

async function unwrap(cli: Cli, file: ClientFile, home: string, newest: Backup | undefined): Promise<void> {
  const source = sourceOf(file);
  const before = newest ? readJsonc(sourceOf(await readClientFile(newest.path)), newest.path) : undefined;
  const guarded = serversOf(file, home).filter(({ entry }) => isGuarded(entry));
  const outcomes = guarded.map((server): EntryOutcome => {
    const entryBefore = server.path.reduce<JsonNode | undefined>((node, name) => memberOf(node, name)?.value, before);
    return { ...unwrapEntry(server.entry, textOf(memberOf(entryBefore, 'type')?.value)), server };
  });
  const edits = outcomes.flatMap((outcome) => (outcome.type === 'edited' ? outcome.edits : []));
  if (edits.length > 0) await replaceFile(file, Buffer.from(applyEdits(source, edits)));
  tell(cli, file, outcomes);
  cli.print('mcp-once was taken out, and everything else left as it is.');
}

/** All servers of a file: of the user, of each project (Claude Code), in a settings file (VS Code). */
function serversOf(file: ClientFile, home: string): readonly FileServer[] {
  const root = readJsonc(sourceOf(file), file.path);
  if (root.type !== 'object') refuse(`${file.path}: it is no JSON object. Nothing was changed.`);
  const project = projectOf(file.path, home);
  const own = [['mcpServers'], ['servers'], ['mcp', 'servers']].flatMap((path) => serversAt(root, path, project));
  const projects = memberOf(root, 'projects')?.value;
  const names = projects?.type === 'object' ? projects.members.map(({ name }) => name) : [];
  return [...own, ...names.flatMap((name) => serversAt(root, ['projects', name, 'mcpServers'], name))];
}

function serversAt(root: JsonNode, path: readonly string[], project: string | undefined): readonly FileServer[] {
  const map = path.reduce<JsonNode | undefined>((node, name) => memberOf(node, name)?.value, root);
  if (map?.type !== 'object') return [];
  return map.members.map(({ name, value }) => ({
    name,
    path: [...path, name],
    id: serverIdOf(name, project),
    entry: value,
  }));
}

/** Only what is UTF-8 can be put back as it was. */
function sourceOf({ path, bytes }: ClientFile): string {
  const source = bytes.toString('utf8');
  return Buffer.from(source).equals(bytes) ? source : refuse(`${path}: it is not UTF-8. Nothing was changed.`);
}

/** Names of servers and what became of them: no argument, variable or header, which may be secret. */
function tell(cli: Cli, { path }: ClientFile, outcomes: readonly EntryOutcome[]): void {
  cli.print(path);
  const rows = outcomes.map((outcome) => {
    const { server } = outcome;
    const where = server.path[0] === 'projects' ? `${server.name} (${plain(server.path[1] ?? '')})` : server.name;
    return [where, outcome.type === 'edited' ? outcome.what : `left alone: ${outcome.why}`];
  });
  cli.print(rows.length === 0 ? 'There is no MCP server in it.' : tableOf(['SERVER', 'WHAT'], rows));
}

function plural(count: number): string {
  return count === 1 ? '1 server' : `${count} servers`;
}

/** Whether a program is found without its folder. */
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
