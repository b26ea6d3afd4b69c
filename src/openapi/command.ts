import { resolve } from 'node:path';
import { exitCodes, plain, UsageError } from '../command/cli.ts';
import type { ConfigOptions, Program } from '../command/program.ts';
import { tableOf } from '../command/table.ts';
import { problemsOf } from '../config/file.ts';
import { McpOnceError } from '../core/errors.ts';
import { defined, isObject } from '../core/json.ts';
import { readText } from '../core/read-text.ts';
import { sentence } from '../core/suggest.ts';
import { destinationLines } from '../core/tool/client-state.ts';
import type { Tool } from '../core/tool/types.ts';
import { type OpenApiConfig, openApiSchema } from './config.ts';
import { parseText } from './document/parse-text.ts';
import { absoluteDocument } from './section.ts';
import { notesOf } from './tools/operation-notes.ts';

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
  /** A file with the rules of `operations`. */
  readonly operations?: string;
  readonly account?: string;
  readonly profile?: string;
  /** Texts such as `x-tenant: T1`. */
  readonly header: string[];
  readonly refHost: string[];
  /** Texts such as `tenant=acme`. */
  readonly serverVariable: string[];
  readonly timeout?: string;
  readonly answerChars?: number;
}

/** How many doubtful guesses are listed. */
const doubtsMax = 25;
const operationsBytesMax = 1024 * 1024;

/** Serves the operations of an API over stdin and stdout, or prints how each is guarded. */
export async function runOpenApi(program: Program, document: string, options: OpenApiOptions): Promise<number> {
  // Only this API is served, instead of the tools that the file configures.
  const api = checkedApi(await choiceOf(document, options), process.cwd());
  const served = { ...options, bundledTools: false, sections: { openapi: [api] } };
  if (options.list) return list(program, served);
  if (options.json) throw new UsageError('--json goes with --list');
  if (document === '-') {
    throw new UsageError('stdin carries the protocol while a server runs: name a file or a URL, or add --list');
  }
  const absolute = /^[a-z]+:/i.test(document) ? document : resolve(document);
  return program.serve({ ...served }, ['openapi', absolute]);
}

/** Returns the configuration section of a document for a command other than `openapi`. @throws McpOnceError, UsageError */
export async function sectionsOfTools(
  options: Pick<OpenApiOptions, 'baseUrl' | 'prefix' | 'account' | 'serverVariable'> & { readonly openapi: string },
): Promise<Readonly<Record<string, unknown>>> {
  const { openapi: document, baseUrl, prefix, account, serverVariable } = options;
  const none = { include: [], exclude: [], credential: [], credentialOrigin: [], header: [], refHost: [] };
  const given = { ...none, serverVariable, ...defined({ baseUrl, prefix, account }) };
  return { openapi: [checkedApi(await choiceOf(document, given), process.cwd())] };
}

/** Converts the options to an entry of the configuration, which is checked next. */
async function choiceOf(document: string, options: OpenApiOptions): Promise<Readonly<Record<string, unknown>>> {
  const { baseUrl, prefix, include, exclude, dynamic, allowPrivate, trustDocument: trust } = options;
  const { account, profile, timeout, answerChars: answerCharsMax } = options;
  const credentials = credentialsOf(options.credential);
  const { credentialOrigin: credentialOrigins, refHost: refHosts } = options;
  const headers = headersOf(options.header);
  const serverVariables = variablesOf(options.serverVariable);
  const operations = options.operations === undefined ? undefined : await readOperations(options.operations);
  const more = defined({ baseUrl, prefix, dynamic, allowPrivate, trust, account, profile, timeout, answerCharsMax });
  const rules = defined({ operations });
  return {
    document,
    include,
    exclude,
    credentials,
    credentialOrigins,
    refHosts,
    headers,
    serverVariables,
    ...more,
    ...rules,
  };
}

/** Reads the rules of a file. @throws McpOnceError `configuration_invalid` */
async function readOperations(file: string): Promise<unknown> {
  const read = await readText(file, operationsBytesMax);
  const refuse = (why: string, cause?: unknown): McpOnceError =>
    new McpOnceError('configuration_invalid', sentence(`--operations ${file}: ${why}`), { cause });
  if (!read.ok) throw refuse(read.why, read.cause);
  let value: unknown;
  try {
    value = await parseText(read.text);
  } catch (error) {
    throw refuse('it is neither JSON nor YAML', error);
  }
  if (!isObject(value))
    throw refuse('it must hold an object of rules, such as { "createOrder": { "class": "create" } }');
  // A whole entry, or the member of one, works as well.
  return isObject(value.operations) ? value.operations : value;
}

/** Converts `tenant=acme` to what the configuration file says. @throws UsageError */
function variablesOf(options: readonly string[]): OpenApiConfig['serverVariables'] {
  return Object.fromEntries(
    options.map((option) => {
      const [, name, value] = /^([^=]+)=(.+)$/.exec(option) ?? [];
      if (name !== undefined && value !== undefined) return [name, value];
      throw new UsageError('--server-variable needs a name and a value, such as tenant=acme');
    }),
  );
}

/** Converts `x-tenant: T1` to what the configuration file says. @throws UsageError */
function headersOf(options: readonly string[]): OpenApiConfig['headers'] {
  return Object.fromEntries(
    options.map((option) => {
      const [, name, value] = /^([A-Za-z0-9!#$%&'*+.^_`|~-]+)\s*:\s*(.*)$/.exec(option) ?? [];
      if (name !== undefined && value !== undefined) return [name, value];
      // The text may be a secret, so the message does not quote it.
      throw new UsageError('--header needs a name and a value, such as "x-tenant: T1" or "x-key: $' + '{SHOP_KEY}"');
    }),
  );
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
function checkedApi(choice: Readonly<Record<string, unknown>>, folder: string): OpenApiConfig {
  const parsed = openApiSchema.safeParse(choice);
  if (parsed.success) return { ...parsed.data, document: absoluteDocument(parsed.data.document, folder) };
  const problems = problemsOf(parsed.error).map((problem) =>
    problem
      .replace(/^baseUrl:/, '--base-url:')
      .replace(/^prefix:/, '--prefix:')
      .replace(/^operations/, '--operations: operations')
      .replace(/^(account|profile|timeout):/, '--$1:')
      .replace(/^answerCharsMax:/, '--answer-chars:')
      .replace(/^headers/, '--header: headers')
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
      const { method, path, effect, class: toolClass, recovery, why, problem } = detailsOf(tool);
      const reason = problem === undefined ? why.join('; ') : `cannot be called: ${problem}`;
      return [tool.name, method, path, effect, toolClass ?? '', recovery?.join(', ') ?? '', reason];
    });
    cli.print(tableOf(['TOOL', 'METHOD', 'PATH', 'EFFECT', 'CLASS', 'RECOVERY', 'WHY'], rows));
    const doubts = doubtLines(operations);
    if (doubts.length > 0) cli.print(['', ...doubts].join('\n'));
    if (destinations.length > 0) cli.print(['', ...destinations].join('\n'));
  }
  return operations.length > 0 ? exitCodes.ok : exitCodes.failure;
}

/** Lists the guesses that the document leaves in doubt, and the rules that state them, as a file for `--operations`. */
function doubtLines(operations: readonly Tool[]): readonly string[] {
  const doubtful = operations.flatMap((tool) => {
    const notes = notesOf(tool);
    return notes?.doubt === undefined ? [] : [{ notes, doubt: notes.doubt, name: tool.name }];
  });
  if (doubtful.length === 0) return [];
  const shown = doubtful.slice(0, doubtsMax);
  const more = doubtful.length - shown.length;
  const rules = Object.fromEntries(shown.map(({ notes: { method, path, rule } }) => [`${method} ${path}`, rule]));
  return [
    `Check ${doubtful.length === 1 ? 'this guess' : `these ${doubtful.length} guesses`}:`,
    ...shown.map(({ name, doubt }) => plain(`- ${name}: ${doubt}`)),
    ...(more > 0 ? [`- and ${more} more: see --json`] : []),
    'These rules state them. Correct and save them for --operations FILE, or paste them into "operations":',
    ...JSON.stringify(rules, null, 2).split('\n').map(plain),
  ];
}

function detailsOf(tool: Tool) {
  const { name, title, description, effect, class: toolClass, windowMs, recovery } = tool;
  const notes = notesOf(tool);
  const none = { class: null, windowMs: null, recovery: null };
  const guard = effect === 'read' ? none : { class: toolClass, windowMs, recovery };
  const { method = '', path = '', doubt } = notes ?? {};
  const more = defined({ doubt, rule: doubt === undefined ? undefined : notes?.rule, problem: notes?.problem() });
  const why = notes?.why() ?? [];
  return { tool: name, method, path, effect, ...guard, why, ...more, title, description } as const;
}
