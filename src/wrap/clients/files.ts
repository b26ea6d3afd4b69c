import { createHash } from 'node:crypto';
import { basename, dirname, join, win32 } from 'node:path';
import type { Environment } from '../../config/config.ts';

/** The clients whose files are known. */
export const clientNames = ['claude-desktop', 'claude-code', 'cursor', 'vscode'] as const;
export type ClientName = (typeof clientNames)[number];

/** Where files are looked for. */
export interface Places {
  readonly platform: NodeJS.Platform;
  readonly home: string;
  /** The working directory: a project's own files lie in it. */
  readonly folder: string;
  readonly environment: Environment;
}

/**
 * Where a client keeps its servers: the user's file first, then that of the project in the working directory.
 * As their documentation says: Claude Desktop (modelcontextprotocol.io, "Connect to local servers"), Claude Code
 * (code.claude.com/docs/en/mcp), Cursor (cursor.com/docs/mcp), VS Code (docs/copilot/reference/mcp-configuration).
 */
export function clientFiles(client: ClientName, places: Places): readonly string[] {
  const { home, folder, environment } = places;
  switch (client) {
    case 'claude-desktop':
      return [join(applicationFolder(places), 'Claude', 'claude_desktop_config.json')];
    case 'claude-code':
      return [join(environment.CLAUDE_CONFIG_DIR || home, '.claude.json'), join(folder, '.mcp.json')];
    case 'cursor':
      return [join(home, '.cursor', 'mcp.json'), join(folder, '.cursor', 'mcp.json')];
    case 'vscode':
      return [join(applicationFolder(places), 'Code', 'User', 'mcp.json'), join(folder, '.vscode', 'mcp.json')];
  }
}

/** The folder of a project that a file belongs to; undefined for a file of the user's own. */
export function projectOf(file: string, home: string): string | undefined {
  const folder = dirname(file);
  if (basename(file) === '.mcp.json') return folder;
  const isProjects = ['.vscode', '.cursor'].includes(basename(folder)) && dirname(folder) !== home;
  return isProjects ? dirname(folder) : undefined;
}

/**
 * What begins the id under which a server's operations are kept. Servers of one name in two projects are two, and
 * must never be answered from one another's operations.
 */
export function serverIdOf(name: string, project: string | undefined): string {
  if (project === undefined) return name;
  const folder = win32.basename(project);
  return `${name}@${folder}-${createHash('sha256').update(project).digest('hex').slice(0, 8)}`;
}

function applicationFolder({ platform, home, environment }: Places): string {
  if (platform === 'darwin') return join(home, 'Library', 'Application Support');
  if (platform === 'win32') return environment.APPDATA || join(home, 'AppData', 'Roaming');
  return environment.XDG_CONFIG_HOME || join(home, '.config');
}
