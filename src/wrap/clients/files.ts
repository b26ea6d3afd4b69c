import { createHash } from 'node:crypto';
import { basename, dirname, join, win32 } from 'node:path';
import type { Environment } from '../../config/config.ts';

/** The clients whose files mcp-once can find and rewrite. */
export const clientNames = ['claude-desktop', 'claude-code', 'cursor', 'vscode'] as const;
export type ClientName = (typeof clientNames)[number];

/** The folders and the platform that decide where a client keeps its files. */
export interface Places {
  readonly platform: NodeJS.Platform;
  readonly home: string;
  /** The working directory, which may hold the files of a project. */
  readonly folder: string;
  readonly environment: Environment;
}

/**
 * Lists the files where a client keeps its servers: the user's file first, then the project's.
 * The paths come from the documentation of Claude Desktop (modelcontextprotocol.io, "Connect to local servers"), Claude Code
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

/** The folder of the project that a file belongs to; undefined for a file of the user. */
export function projectOf(file: string, home: string): string | undefined {
  const folder = dirname(file);
  if (basename(file) === '.mcp.json') return folder;
  const isProjects = ['.vscode', '.cursor'].includes(basename(folder)) && dirname(folder) !== home;
  return isProjects ? dirname(folder) : undefined;
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

function applicationFolder({ platform, home, environment }: Places): string {
  if (platform === 'darwin') return join(home, 'Library', 'Application Support');
  if (platform === 'win32') return environment.APPDATA || join(home, 'AppData', 'Roaming');
  return environment.XDG_CONFIG_HOME || join(home, '.config');
}
