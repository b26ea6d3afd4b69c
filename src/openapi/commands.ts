import { collect, integer, withConfig, withExamples, withLog } from '../command/options.ts';
import type { AddCommands, ToolOptions } from '../command/program.ts';

/** Adds the command `openapi`. */
export const addOpenApiCommands: AddCommands = (commandLine, program, end) => {
  withExamples(
    withLog(withConfig(commandLine.command('openapi'))),
    'mcp-once openapi orders.yaml --list',
    "mcp-once openapi orders.yaml --include 'tag:orders' --credential bearerAuth=ORDERS_TOKEN",
  )
    .description("serve an HTTP API's operations as tools, by its OpenAPI document")
    .argument('<document>', 'a path, a URL, or - for stdin (with --list)')
    .option('--base-url <url>', "where the API is, if not at the document's server; a host alone keeps its path")
    .option('--prefix <name>', "put before each tool's name and each variable's")
    .option('--include <pattern>', 'serve only these: tag:NAME, "METHOD /path", operationId, with *', collect, [])
    .option('--exclude <pattern>', 'do not serve these', collect, [])
    .option(
      '--credential <scheme=VARIABLE>',
      'read the credential of a security scheme from this variable; scheme.username, .password, .clientId, .clientSecret for parts',
      collect,
      [],
    )
    .option('--credential-origin <url>', "another origin that also gets the API's credentials", collect, [])
    .option('--operations <file>', 'rules for single operations, JSON or YAML, as --list prints them')
    .option('--header <name: value>', 'sent with every request; $' + '{NAME} in the value is a variable', collect, [])
    .option('--account <name>', 'tells two accounts of one API apart')
    .option('--profile <name>', "how the provider takes idempotency keys, if the server's host does not tell")
    .option('--server-variable <name=value>', "the value of a variable of the document's server", collect, [])
    .option('--ref-host <host>', 'a host that references of the document may point to', collect, [])
    .option('--timeout <duration>', 'how long one request may take to be answered, such as 30s')
    .option('--answer-chars <number>', 'the longest response that a model gets', integer(1_000, 1_000_000))
    .option('--trust-document', 'let x-mcp-once in a document from the network weaken the guard')
    .option('--dynamic', 'three tools (search, describe, call) instead of one for each operation')
    .option('--allow-private', 'let a document from the network name a server on a private address')
    .option('--list', 'print each operation and how it is guarded, and serve nothing')
    .option('--json', 'with --list: JSON, for programs')
    .action(async (document, options) =>
      end(await (await import('./command.ts')).runOpenApi(program, document, options)),
    );
};

/** The options that name a document for a command other than `openapi`, and those that change a tool's name or upstream. */
export const openApiToolOptions: ToolOptions = {
  add: (command) => {
    command
      .option('--openapi <document>', 'the document of its tool, if it was served by mcp-once openapi')
      .option('--base-url <url>', 'with --openapi: as it was served')
      .option('--prefix <name>', 'with --openapi: as it was served')
      .option('--account <name>', 'with --openapi: as it was served')
      .option('--server-variable <name=value>', 'with --openapi: as it was served', collect, []);
  },
  sectionsOf: async (options) => {
    if (options.openapi === undefined) return undefined;
    return (await import('./command.ts')).sectionsOfTools(options as never);
  },
};
