import { resolve } from 'node:path';
import { exitCodes, plain, UsageError } from '../command/cli.ts';
import type { ConfigOptions, Program } from '../command/program.ts';
import { tableOf } from '../command/table.ts';
import { problemsOf } from '../config/file.ts';
import { McpOnceError } from '../core/errors.ts';
import { defined } from '../core/json.ts';
import { destinationLines } from '../core/tool/client-state.ts';
import type { Tool } from '../core/tool/types.ts';
import { type OpenApiChoice, type OpenApiConfig, openApiSchema } from './config.ts';
import { absoluteDocument } from './section.ts';

/** The options of the command `openapi`. */
export interface OpenApiOptions extends ConfigOptions {
  readonly baseUrl?: string;
  readonly prefix?: string;
  readonly include: string[];
  readonly exclude: string[];
  /** Texts such as `bearerAuth=SHOP_TOKEN`. */
  readonly credential: string[];
  readonly credentialOrigin: string[];
  readonly trustDocument?: boolean;
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
  const { baseUrl, prefix, include, exclude, dynamic, allowPrivate, trustDocument: trust } = options;
  const credentials = credentialsOf(options.credential);
  const { credentialOrigin: credentialOrigins } = options;
  const more = defined({ baseUrl, prefix, dynamic, allowPrivate, trust });
  return { document, include, exclude, credentials, credentialOrigins, ...more };
}

/** Converts `login.username=SHOP_USER` to what the configuration file says. @throws UsageError */
function credentialsOf(options: readonly string[]): OpenApiConfig['credentials'] {
  const found = new Map<string, string | Record<string, string>>();
  for (const option of options) {
    const [, scheme = '', variable = ''] = /^([^=]+)=([A-Za-z_][A-Za-z0-9_]{0,99})$/.exec(option) ?? [];
    // The text may be a secret, so the message does not quote it.
    if (variable === '') {
      throw new UsageError(
        '--credential needs a security scheme and the name of a variable, such as bearerAuth=SHOP_TOKEN: never write a secret on the command line',
      );
    }
    const [, owner, part] = /^(.+)\.(username|password|clientId|clientSecret)$/.exec(scheme) ?? [];
    const reference = `$\{${variable}}`;
    if (owner === undefined || part === undefined) found.set(scheme, reference);
    else found.set(owner, { ...partsOf(found.get(owner)), [part]: reference });
  }
  return Object.fromEntries(found) as OpenApiConfig['credentials'];
}

function partsOf(given: string | Record<string, string> | undefined): Record<string, string> {
  return typeof given === 'object' ? given : {};
}

/**
 * Checks an API of the command line, and adds the defaults. A path starts from `folder`.
 * @throws McpOnceError `configuration_invalid`
 */
function checkedApi(choice: OpenApiChoice, folder: string): OpenApiConfig {
  const parsed = openApiSchema.safeParse(choice);
  if (parsed.success) return { ...parsed.data, document: absoluteDocument(parsed.data.document, folder) };
  const problems = problemsOf(parsed.error).map((problem) =>
    problem
      .replace(/^baseUrl:/, '--base-url:')
      .replace(/^prefix:/, '--prefix:')
      .replace(/^credentialOrigins\[\d+\]:/, '--credential-origin:')
      .replace(/^credentials\.?/, '--credential '),
  );
  throw new McpOnceError('configuration_invalid', `Configuration: ${problems.join('; ')}.`);
}

async function list(program: Program, options: OpenApiOptions): Promise<number> {
  const { cli } = program;
  const config = await program.config(options, 'operate');
  const { tools, hidden } = await program.catalog(config);
  // A tool that routes to others is left out: each of those has its own guard.
  const operations = [...tools.filter(({ route, client }) => !route && client), ...hidden];
  const destinations = destinationLines(operations);
  if (options.json) {
    cli.print(JSON.stringify(operations.map(detailsOf), null, 2));
    for (const line of destinations) cli.tell(line);
  } else {
    const rows = operations.map((tool) => {
      const { effect, class: toolClass, recovery } = detailsOf(tool);
      return [tool.name, effect, toolClass ?? '', recovery?.join(', ') ?? '', plain(tool.title)];
    });
    cli.print(tableOf(['TOOL', 'EFFECT', 'CLASS', 'RECOVERY', 'WHAT'], rows));
    if (destinations.length > 0) cli.print(['', ...destinations].join('\n'));
  }
  return operations.length > 0 ? exitCodes.ok : exitCodes.failure;
}

function detailsOf({ name, title, description, effect, class: toolClass, windowMs, recovery }: Tool) {
  const none = { class: null, windowMs: null, recovery: null };
  const guard = effect === 'read' ? none : { class: toolClass, windowMs, recovery };
  return { tool: name, effect, ...guard, title, description };
}
