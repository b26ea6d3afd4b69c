import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { ignoredPointers, lookupParts, recoveries, text, toolClass, undeclaredRule } from '../config/parts.ts';
import { duration } from '../core/duration.ts';

const second = 1_000;
const minute = 60 * second;
const day = 24 * 60 * minute;

const patterns = z.array(text).max(1_000);
const pointer = z.string().regex(/^(\/.*)?$/, 'must be a JSON pointer: empty, or beginning with /');

const lookupSchema = z.strictObject({
  operation: text.describe('The operation that finds the effect: its operationId, or "METHOD /path".'),
  arguments: lookupParts.arguments,
  items: pointer.prefault('').describe('JSON pointer to the list in its answer. Default: the answer itself.'),
  marker: lookupParts.marker,
});

/** The options of one operation, in the file and as `x-mcp-once` in a document. */
export const operationSchema = z.strictObject({
  enabled: z.boolean().optional().describe('Whether the operation is served. Default true.'),
  name: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 of A-Z a-z 0-9 _ -')
    .optional()
    .describe('The name of its tool. Default: its operationId in snake_case, or method and path.'),
  effect: z
    .enum(['read', 'create', 'update', 'replace', 'delete'])
    .optional()
    .describe('The effect of the operation. Default: by its method.'),
  class: toolClass
    .optional()
    .describe(
      'The class of the operation, which decides which calls are repeats: create, state, repeatable or off. Default: by its effect.',
    ),
  movesMoney: z
    .boolean()
    .optional()
    .describe('Whether the operation pays, charges, refunds or bills. Default: by its name.'),
  window: duration({ minMs: 0, maxMs: 366 * day })
    .optional()
    .describe('How long a repeat means the same operation. 0 to 366d.'),
  ignore: ignoredPointers.optional(),
  undeclared: undeclaredRule.optional(),
  identity: z
    .array(text)
    .max(100)
    .optional()
    .describe('The arguments that make two calls the same operation: names, or JSON pointers such as /order/number.'),
  recovery: recoveries.optional().describe('How an unknown outcome is recovered; a list is tried in order.'),
  lookup: lookupSchema.optional().describe('How the effect is found, for the recovery reconcile.'),
  clientId: text
    .optional()
    .describe('The path parameter whose value the client chooses (PUT /orders/{id}): it is derived from the key.'),
  fields: z
    .array(pointer)
    .max(100)
    .optional()
    .describe('JSON pointers to the parts of a response that are kept; * stands for every item.'),
});

/** The scheme of a URL. A drive letter is shorter. */
const scheme = /^([a-z][a-z0-9+.-]+):\/\//i;

/** A path, an http or https URL, or `-`. A `file:` URL becomes its path. */
const documentSchema = text.transform((document, context) => {
  if (/^file:/i.test(document)) {
    try {
      return fileURLToPath(document);
    } catch {
      context.addIssue('is a file: URL that does not name a file on this machine');
      return z.NEVER;
    }
  }
  const found = scheme.exec(document)?.[1]?.toLowerCase();
  if (found === undefined || ((found === 'http' || found === 'https') && URL.canParse(document))) return document;
  const isWeb = found === 'http' || found === 'https';
  context.addIssue(
    isWeb
      ? 'is not a valid URL'
      : `has the scheme "${found}", which is not supported: give a path, or a URL of http, https or file`,
  );
  return z.NEVER;
});

/** Refuses a `$` that only looks like a variable: it would be sent unchanged. */
const headerValue = z
  .string()
  .refine(
    (value) => !/\$(?!\{[A-Za-z_][A-Za-z0-9_]{0,99}\})[A-Za-z_{]/.test(value),
    'contains a "$" that does not begin a variable. Write a variable as $' +
      '{NAME} with letters, digits and _. Put a text that contains such a "$" into a variable',
  );

const credentialProblem =
  'must be one variable, such as "$' +
  '{SHOP_TOKEN}", or { "username": ..., "password": ... } or { "clientId": ..., "clientSecret": ... } with one variable each. Write no secret here. Variables that begin with MCP_ONCE_ belong to this server';

/** One reference to a variable, and nothing else: the file holds no secret. */
const variableReference = z.string().regex(/^\$\{(?!MCP_ONCE_)[A-Za-z_][A-Za-z0-9_]{0,99}\}$/, credentialProblem);

/** The variables of one security scheme. */
const credentialSchema = z.union(
  [
    variableReference,
    z.strictObject({ username: variableReference, password: variableReference }),
    z.strictObject({ clientId: variableReference, clientSecret: variableReference }),
  ],
  { error: credentialProblem },
);

/** One API whose operations become tools. */
export const openApiSchema = z.strictObject({
  document: documentSchema.describe(
    'An OpenAPI 3 or Swagger 2.0 document, JSON or YAML: a path (relative to this file) or a URL.',
  ),
  baseUrl: z
    .url({ protocol: /^https?$/, error: 'must be an absolute http or https URL, such as http://127.0.0.1:3000' })
    .optional()
    .describe(
      "The base URL of the API. A host alone keeps the path of the document's server. Default: the document's server.",
    ),
  serverVariables: z
    .record(z.string().min(1).max(200), text)
    .prefault({})
    .describe('The values of the document\'s server variables, such as { "tenant": "acme" }. Default: their defaults.'),
  prefix: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9_]{0,23}$/, 'must be 1 to 24 letters, digits and _, a letter first')
    .optional()
    .describe('A prefix for the names of tools and variables, to tell several APIs apart.'),
  account: text.prefault('default').describe('Tells two accounts of one API apart: no credential is part of a key.'),
  include: patterns.prefault([]).describe('Operations to serve: "tag:NAME", "METHOD /path", operationId, with *.'),
  exclude: patterns.prefault([]).describe('Operations not to serve; the same patterns.'),
  dynamic: z
    .boolean()
    .prefault(false)
    .describe('Whether to serve three tools (search, describe, call) instead of one per operation.'),
  refHosts: z
    .array(z.string().min(1).max(253))
    .max(100)
    .prefault([])
    .describe(
      'Hosts that references of the document may point to. Files in and below the folder of a document that is a file are read anyway.',
    ),
  allowPrivate: z
    .boolean()
    .prefault(false)
    .describe('Whether a document from the network may name a server on a private address.'),
  profile: text
    .optional()
    .describe("The profile that says how the provider takes idempotency keys. Default: by the server's host."),
  headers: z
    .record(z.string(), headerValue)
    .prefault({})
    .describe('Sent with every request. A variable in a value is written $' + '{NAME}: write no secret here.'),
  credentials: z
    .record(z.string().min(1).max(200), credentialSchema)
    .prefault({})
    .describe(
      'The variables of the document\'s security schemes, by the scheme\'s name: { "bearerAuth": "$' +
        '{SHOP_TOKEN}" }. Default, for a document that is a file: a variable named after the scheme. A document from the network needs this or prefix.',
    ),
  credentialOrigins: z
    .array(z.url({ protocol: /^https?$/, error: 'must be an absolute http or https URL' }))
    .max(100)
    .prefault([])
    .describe(
      "Other origins, such as https://files.example.com, that also get this API's credentials, if the document names them.",
    ),
  trust: z
    .boolean()
    .prefault(false)
    .describe(
      'Whether x-mcp-once in a document from the network may weaken the guard. Default false: it may only make a tool stricter. A file is always trusted.',
    ),
  answerCharsMax: z
    .int()
    .min(1_000)
    .max(1_000_000)
    .prefault(50_000)
    .describe('The longest response that a model gets, in characters. Default 50000. 1000 to 1000000.'),
  timeout: duration({ minMs: second, maxMs: 10 * minute })
    .prefault(20 * second)
    .describe('How long one request may take to be answered. Default 20s. 1s to 10m.'),
  operations: z
    .record(z.string().min(1).max(1_000), operationSchema)
    .prefault({})
    .describe('Rules by operationId or "METHOD /path"; * matches any characters. A later rule wins.'),
});

export type OpenApiConfig = z.infer<typeof openApiSchema>;

/** The APIs whose operations become tools. */
export const openApisSchema = z.array(openApiSchema).max(100);
