import { createHash } from 'node:crypto';
import { basename, dirname, join, win32 } from 'node:path';
import type { Environment } from '../../config/config.ts';

/** The clients whose files mcp-once can find and rewrite. */
export const clientNames = [
  'claude-desktop',
  'claude-code',
  'cursor',
  'vscode',
  'windsurf',
  'zed',
  'codex',
  'gemini',
  'goose',
  'opencode',
] as const;
export type ClientName = (typeof clientNames)[number];

/** The folders and the platform that decide where a client keeps its files. */
export interface Places {
  readonly platform: NodeJS.Platform;
  readonly home: string;
  /** The working directory, which may hold the files of a project. */
  readonly folder: string;
  readonly environment: Environment;
}

/** The files of a client: those of the user, and those of a project in its folder. */
interface ClientPaths {
  readonly user: readonly string[];
  readonly project: readonly string[];
}

/** Lists the files where a client keeps its servers: the user's files first, then the project's. */
export function clientFiles(client: ClientName, places: Places): readonly string[] {
  const { user, project } = clientPaths(client, places);
  return [...user, ...project.map((file) => join(places.folder, file))];
}

/** The paths come from the documentation of each client, which the comments name. */
function clientPaths(client: ClientName, places: Places): ClientPaths {
  const { home, platform, environment } = places;
  const programs = applicationFolder(places);
  const settings = environment.XDG_CONFIG_HOME || join(home, '.config');
  switch (client) {
    // modelcontextprotocol.io, "Connect to local servers". The package of the Windows store has a file system of its own
    // (github.com/anthropics/claude-code/issues/26073).
    case 'claude-desktop': {
      const file = 'Claude/claude_desktop_config.json';
      const local = environment.LOCALAPPDATA || join(home, 'AppData', 'Local');
      const packaged = join(local, 'Packages', 'Claude_pzs8sxrjxfjjc', 'LocalCache', 'Roaming', file);
      return { user: platform === 'win32' ? [packaged, join(programs, file)] : [join(programs, file)], project: [] };
    }
    // code.claude.com/docs/en/mcp
    case 'claude-code':
      return { user: [join(environment.CLAUDE_CONFIG_DIR || home, '.claude.json')], project: ['.mcp.json'] };
    // cursor.com/docs/mcp
    case 'cursor':
      return { user: [join(home, '.cursor', 'mcp.json')], project: ['.cursor/mcp.json'] };
    // code.visualstudio.com/docs/copilot/reference/mcp-configuration
    case 'vscode': {
      const user = ['Code', 'Code - Insiders'].map((name) => join(programs, name, 'User', 'mcp.json'));
      return { user, project: ['.vscode/mcp.json'] };
    }
    // docs.windsurf.com/windsurf/cascade/mcp
    case 'windsurf':
      return { user: [join(home, '.codeium', 'windsurf', 'mcp_config.json')], project: [] };
    // zed.dev/docs/configuring-zed, zed.dev/docs/ai/mcp
    case 'zed': {
      const folder = platform === 'win32' ? join(programs, 'Zed') : join(settings, 'zed');
      return { user: [join(folder, 'settings.json')], project: ['.zed/settings.json'] };
    }
    // developers.openai.com/codex/config-reference
    case 'codex':
      return {
        user: [join(environment.CODEX_HOME || join(home, '.codex'), 'config.toml')],
        project: ['.codex/config.toml'],
      };
    // geminicli.com/docs/tools/mcp-server
    case 'gemini':
      return { user: [join(home, '.gemini', 'settings.json')], project: ['.gemini/settings.json'] };
    // block.github.io/goose/docs/guides/config-files
    case 'goose':
      return { user: [join(gooseFolder(places, settings), 'config.yaml')], project: [] };
    // opencode.ai/docs/config
    case 'opencode': {
      const names = ['opencode.json', 'opencode.jsonc'];
      const user = names.map((name) => join(settings, 'opencode', name));
      const own = environment.OPENCODE_CONFIG ? [environment.OPENCODE_CONFIG] : [];
      return { user: [...own, ...user], project: [...names, ...names.map((name) => `.opencode/${name}`)] };
    }
  }
}

function gooseFolder({ platform, environment, ...places }: Places, settings: string): string {
  if (environment.GOOSE_PATH_ROOT) return join(environment.GOOSE_PATH_ROOT, 'config');
  if (platform !== 'win32') return join(settings, 'goose');
  return join(applicationFolder({ platform, environment, ...places }), 'Block', 'goose', 'config');
}

/** The folder of the project that a file belongs to; undefined for a file of the user. */
export function projectOf(file: string, places: Places): string | undefined {
  const all = clientNames.map((client) => clientPaths(client, places));
  if (all.some(({ user }) => user.includes(file))) return undefined;
  const folder = dirname(file);
  const project = all.flatMap((each) => each.project).find((each) => file.endsWith(`/${each}`) || file === each);
  if (project === undefined && !/^\.(?:vscode|cursor|zed|codex|gemini|opencode)$/.test(basename(folder)))
    return undefined;
  const named = project === undefined || dirname(project) !== '.' ? dirname(folder) : folder;
  return named === places.home ? undefined : named;
}

/**
 * Derives the beginning of the id that is part of a server's idempotency keys. Two projects may use one name for
 * different servers, and a call to one must never replay an operation of the other.
 */
export function serverIdOf(name: string, project: string | undefined): string {
  if (project === undefined) return name;
  const folder = win32.basename(project);
  return `${name}@${folder}-${createHash('sha256').update(project).digest('hex').slice(0, 8)}`;
}

function applicationFolder({ platform, home, environment }: Omit<Places, 'folder'>): string {
  if (platform === 'darwin') return join(home, 'Library', 'Application Support');
  if (platform === 'win32') return environment.APPDATA || join(home, 'AppData', 'Roaming');
  return environment.XDG_CONFIG_HOME || join(home, '.config');
}
