import { resolve } from 'node:path';
import { exitCodes, plain, UsageError } from '../command/cli.ts';
import type { ConfigOptions, Program } from '../command/program.ts';
import { tableOf } from '../command/table.ts';
import { problemsOf } from '../config/file.ts';
import { McpOnceError } from '../core/errors.ts';
import { defined } from '../core/json.ts';
import type { Tool } from '../core/tool/types.ts';
import { type OpenApiChoice, type OpenApiConfig, openApiSchema } from './config.ts';
import { absoluteDocument } from './section.ts';

/** The options of the command `openapi`. */
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

/** Serves the operations of an API over stdin and stdout, or prints how each is guarded. */
export async function runOpenApi(program: Program, document: string, options: OpenApiOptions): Promise<number> {
  // Only this API is served, instead of the tools that the file configures.
  const api = checkedApi(choiceOf(document, options), process.cwd());
  const served = { ...options, bundledTools: false, sections: { openapi: [api] } };
  if (options.list) return list(program, served);
  if (options.json) throw new UsageError('--json goes with --list');
  if (document === '-') {
    throw new UsageError('stdin carries the protocol while a server runs: name a file or a URL, or add --list');
  }
  const absolute = /^[a-z]+:/i.test(document) ? document : resolve(document);
  return program.serve({ ...served }, ['openapi', absolute]);
}

function choiceOf(document: string, options: OpenApiOptions): OpenApiChoice {
  const { baseUrl, prefix, include, exclude, dynamic, allowPrivate } = options;
  return { document, include, exclude, ...defined({ baseUrl, prefix, dynamic, allowPrivate }) };
}

/**
 * Checks an API of the command line, and adds the defaults. A path starts from `folder`.
 * @throws McpOnceError `configuration_invalid`
 */
function checkedApi(choice: OpenApiChoice, folder: string): OpenApiConfig {
  const parsed = openApiSchema.safeParse(choice);
  if (parsed.success) return { ...parsed.data, document: absoluteDocument(parsed.data.document, folder) };
  const problems = problemsOf(parsed.error).map((problem) =>
    problem.replace(/^baseUrl:/, '--base-url:').replace(/^prefix:/, '--prefix:'),
  );
  throw new McpOnceError('configuration_invalid', `Configuration: ${problems.join('; ')}.`);
}

async function list(program: Program, options: OpenApiOptions): Promise<number> {
  const { cli } = program;
  const config = await program.config(options, 'operate');
  const { tools, hidden } = await program.catalog(config);
  // A tool that routes to others is left out: each of those has its own guard.
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
