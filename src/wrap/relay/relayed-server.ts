import type { KnownTools } from './known-tools.ts';
import type { ServerConnection } from './server-connection.ts';

/** One of several wrapped servers, with its connection and its tools. */
export interface RelayedServer {
  readonly name: string;
  readonly connection: ServerConnection;
  readonly tools: KnownTools;
  /** The capabilities that it declared; undefined until it has answered `initialize`. */
  capabilities?: Readonly<Record<string, unknown>>;
}

/** A list method of MCP, the member of its result that holds the list, and the capability that declares it. */
export interface ListKind {
  readonly method: string;
  readonly member: string;
  readonly capability: string;
}

export const resourceKind: ListKind = { method: 'resources/list', member: 'resources', capability: 'resources' };
export const templateKind: ListKind = {
  method: 'resources/templates/list',
  member: 'resourceTemplates',
  capability: 'resources',
};
export const promptKind: ListKind = { method: 'prompts/list', member: 'prompts', capability: 'prompts' };

export const listKinds: readonly ListKind[] = Object.freeze([
  { method: 'tools/list', member: 'tools', capability: 'tools' },
  resourceKind,
  templateKind,
  promptKind,
]);
