import { refuse } from '../../command/cli.ts';
import type { ClientFile } from './backup.ts';
import { type Places, projectOf, serverIdOf } from './files.ts';
import { codexForm, commonForm, type EntryForm, formOfJson, gooseForm, isOpenCodeEntry } from './forms.ts';
import { isSettingsObject, memberOf, type SettingsNode, type SettingsValue, settingsValueOf } from './text/node.ts';
import { readSettingsText, type SettingsText } from './text/settings-file.ts';

/** One server in a client's file. */
export interface FileServer {
  readonly name: string;
  /** The names of the members that lead to it. */
  readonly path: readonly string[];
  readonly id: string;
  readonly node: SettingsNode;
  readonly entry: SettingsValue;
  readonly form: EntryForm;
}

/** A client's file with its servers. */
export interface ServersFile {
  readonly text: SettingsText;
  readonly servers: readonly FileServer[];
}

/** Reads the servers of a file. @throws McpOnceError `invalid_input` */
export async function readServers(file: ClientFile, places: Places): Promise<ServersFile> {
  const text = await readSettingsText(file.path, file.bytes);
  if (text.root.kind !== 'map') refuse(`${file.path}: the file is not a JSON object. Nothing was changed.`);
  const project = projectOf(file.path, places);
  const servers = placesOf(text, project).flatMap(({ path, owner }) =>
    serversAt(text, file.path, path).map((server) => ({ ...server, id: serverIdOf(server.name, owner) })),
  );
  return { text, servers };
}

/** Where a file holds servers: of the user, of each project (Claude Code), and among other settings. */
function placesOf({ kind, root }: SettingsText, project: string | undefined) {
  const own = {
    JSON: [['mcpServers'], ['servers'], ['context_servers'], ['mcp', 'servers'], ['mcp']],
    TOML: [['mcp_servers']],
    YAML: [['extensions']],
  }[kind];
  const projects = kind === 'JSON' ? memberOf(root, 'projects')?.value : undefined;
  const names = projects?.kind === 'map' ? projects.members.map(({ name }) => name) : [];
  return [
    ...own.map((path) => ({ path, owner: project })),
    ...names.map((name) => ({ path: ['projects', name, 'mcpServers'], owner: name })),
  ];
}

function serversAt({ kind, root }: SettingsText, file: string, path: readonly string[]) {
  const node = nodeAt(root, path);
  const members = node?.kind === 'map' ? node.members : [];
  // Of several members with one name, the last one counts.
  const last = members.filter(({ name }, index) => members.findLastIndex((each) => each.name === name) === index);
  return last.flatMap(({ name, value }) => {
    const entry = settingsValueOf(value);
    // Version 1 of OpenCode keeps its servers here, among other members.
    if (path.length === 1 && path[0] === 'mcp' && !isOpenCodeEntry(entry)) return [];
    return [{ name, path: [...path, name], node: value, entry, form: formOf(kind, file, entry) }];
  });
}

function formOf(kind: SettingsText['kind'], file: string, entry: SettingsValue): EntryForm {
  if (kind === 'TOML') return codexForm;
  if (kind === 'YAML') return gooseForm;
  const form = isSettingsObject(entry) ? formOfJson(entry) : commonForm;
  if (form !== commonForm) return form;
  // Only the first name is used where no backup tells which one the entry had.
  if (/[\\/]\.gemini[\\/]/.test(file)) return { ...form, url: ['httpUrl', 'url'] };
  return /[\\/]windsurf[\\/]/.test(file) ? { ...form, url: ['serverUrl', 'url'] } : form;
}

/** Returns the value at a path of names. */
export function nodeAt(root: SettingsNode, path: readonly string[]): SettingsNode | undefined {
  return path.reduce<SettingsNode | undefined>((node, name) => memberOf(node, name)?.value, root);
}
