import { resolve } from 'node:path';
import { loadCatalog } from '../app/catalog.ts';
import { type Cli, type ConfigOptions, configOf, exitCodes, plain, UsageError, warner } from '../cli/cli.ts';
import { runServe } from '../cli/serve.ts';
import { tableOf } from '../cli/table.ts';
import type { Tool } from '../core/tool/types.ts';
import type { OpenApiChoice } from './config.ts';

export interface OpenApiOptions extends ConfigOptions {
  readonly baseUrl?: string;
  readonly prefix?: string;
  readonly include: string[];
  readonly exclude: string[];
  readonly dynamic?: boolean;
  readonly allowPrivate?: boolean;
  readonly list?: boolean;
  readonly json?: boolean;
}

/** Serves an API's operations over stdin and stdout, or prints how each is guarded. */
export async function runOpenApi(cli: Cli, document: string, options: OpenApiOptions): Promise<number> {
  const served = { ...options, openapi: choiceOf(document, options) };
  if (options.list) return list(cli, served);
  if (options.json) throw new UsageError('--json goes with --list');
  if (document === '-') {
    throw new UsageError('stdin carries the protocol while a server runs: name a file or a URL, or add --list');
  }
  const absolute = /^[a-z]+:/i.test(document) ? document : resolve(document);
  return runServe(cli, served, ['openapi', absolute]);
}

function choiceOf(document: string, options: OpenApiOptions): OpenApiChoice {
  const { baseUrl, prefix, include, exclude, dynamic, allowPrivate } = options;
  return {
    document,
    include,
    exclude,
    ...(baseUrl === undefined ? {} : { baseUrl }),
    ...(prefix === undefined ? {} : { prefix }),
    ...(dynamic === undefined ? {} : { dynamic }),
    ...(allowPrivate === undefined ? {} : { allowPrivate }),
  };
}

async function list(cli: Cli, options: OpenApiOptions): Promise<number> {
  const config = await configOf(cli, options, 'operate');
  const { tools, hidden } = await loadCatalog(config, warner(cli));
  // What stands for others is of no interest here: each of them keeps its own guard.
  const operations = [...tools.filter(({ route, client }) => !route && client), ...hidden];
  if (options.json) {
    cli.print(JSON.stringify(operations.map(detailsOf), null, 2));
  } else {
    const rows = operations.map((tool) => {
      const { effect, match, recovery } = detailsOf(tool);
      return [tool.name, effect, match ?? '', recovery?.join(', ') ?? '', plain(tool.title)];
    });
    cli.print(tableOf(['TOOL', 'EFFECT', 'MATCH', 'RECOVERY', 'WHAT'], rows));
  }
  return operations.length > 0 ? exitCodes.ok : exitCodes.failure;
}

function detailsOf({ name, title, description, effect, match, windowMs, recovery }: Tool) {
  const guard = effect === 'read' ? { match: null, windowMs: null, recovery: null } : { match, windowMs, recovery };
  return { tool: name, effect, ...guard, title, description };
}
