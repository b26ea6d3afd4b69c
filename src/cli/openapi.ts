import { loadCatalog } from '../app.ts';
import type { OpenApiChoice } from '../config/openapi.ts';
import type { Tool } from '../tool/types.ts';
import { type Cli, type ConfigOptions, configOf, exitCodes, plain, UsageError, warner } from './cli.ts';
import { runServe } from './serve.ts';
import { tableOf } from './table.ts';

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
  if (document === '-') {
    throw new UsageError('stdin carries the protocol while a server runs: name a file or a URL, or add --list');
  }
  return runServe(cli, served);
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
  const { tools } = await loadCatalog(config, warner(cli));
  const rows = tools.map(rowOf);
  const headings = ['TOOL', 'EFFECT', 'MATCH', 'RECOVERY', 'WHAT'];
  cli.print(
    options.json
      ? JSON.stringify(rows, null, 2)
      : tableOf(
          headings,
          rows.map((row) => Object.values(row)),
        ),
  );
  return exitCodes.ok;
}

function rowOf(tool: Tool) {
  const { name, effect, match, recovery, title } = tool;
  const guard = effect === 'read' ? { match: '', recovery: '' } : { match, recovery: recovery.join(', ') };
  return { tool: name, effect, ...guard, what: plain(title) };
}
