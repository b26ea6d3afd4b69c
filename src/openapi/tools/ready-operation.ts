import { createHash } from 'node:crypto';
import { describeError, McpOnceError } from '../../core/errors.ts';
import { arrayOf, defined, isObject, type JsonSchema, objectOf } from '../../core/json.ts';
import type { ContentResult, InputIssue, ParsedInput } from '../../core/tool/types.ts';
import { withServerPath } from '../base-url.ts';
import type { ToolSchemas } from '../document/tool-schemas.ts';
import { errorSchemaOf, toolSchemas } from '../document/tool-schemas.ts';
import type { ApiOperation, ListedOperation } from '../document/types.ts';
import { compactSchema } from '../http/compact-schema.ts';
import { splitHeaders } from '../http/credentials.ts';
import { buildRequest } from '../http/request.ts';
import { responseContent } from '../http/response-content.ts';
import { responseOutputSchema } from '../http/response-schema.ts';
import { judgeSuccess } from '../http/said-no.ts';
import type { HttpRequest, HttpResponse } from '../http/types.ts';
import { argumentSchema } from '../policy/argument-schema.ts';
import { type KeyPolicy, keyValue, withKeyAt } from '../policy/idempotency-key.ts';
import { documentOverride, mergeOverrides } from '../policy/overrides.ts';
import type { OperationPolicy } from '../policy/policy.ts';
import { policyOf } from '../policy/policy.ts';
import { type ApiContext, isForeignServer } from './api.ts';
import { createModelInput, firstSentHeader, type ModelInput } from './model-input.ts';
import type { SchemaCompiler } from './schema-compiler.ts';

type Arguments = Readonly<Record<string, unknown>>;

/** A resolved operation with its policy, ready to be called. */
export interface ReadyOperation {
  readonly operation: ApiOperation;
  readonly policy: OperationPolicy;
  readonly modelInput: ModelInput;
  readonly outputSchema: JsonSchema | undefined;
  /** An absolute URL without a final slash. */
  readonly baseUrl: string;
  parse(value: unknown): ParsedInput;
  /** Fills in all defaults. Use the result to compare calls, never to send it. */
  withDefaults(args: Arguments): Arguments;
  /**
   * Builds the request.
   * @param key the derived key, if the policy has a place for one
   * @param firstSent the time of the first send, as an HTTP date, for keys that go with one
   * @throws McpOnceError `invalid_input` naming the argument that cannot be sent. Nothing was sent.
   */
  request(args: Arguments, key?: string, firstSent?: string): HttpRequest;
  /** Converts a response to the tool's result. */
  content(response: HttpResponse, uri: string): ContentResult;
  /** Returns what an error says whose response has a status of success. */
  judge(response: HttpResponse, request: HttpRequest): ReturnType<typeof judgeSuccess>;
  /** Returns the longest text that an argument takes, in characters. Returns Infinity without a limit. */
  charsMax(argument: string): number;
}

/**
 * Resolves an operation with everything needed to call it. Large operations take time, so call this once and only when
 * the operation is needed.
 * @throws McpOnceError `tool_invalid` naming the fault in the operation or its configuration
 */
export function readyOperation(api: ApiContext, listed: ListedOperation): ReadyOperation {
  const { document, source, profile, compiler } = api;
  const operation = document.resolve(listed);
  const schemas = toolSchemas(operation);
  const override = api.overrideOf(listed);
  const policy = policyOf(operation, schemas, { profile, override, document });
  const { fields } = mergeOverrides(documentOverride(listed), override);
  const [server] = operation.servers;
  const chosen = source.baseUrl === undefined ? (server ?? api.baseUrl) : withServerPath(source.baseUrl, server);
  const baseUrl = chosen.replace(/\/+$/, '');
  // Headers without variables may be secrets too.
  const isForeign = isForeignServer(api, baseUrl);
  const headers = isForeign ? {} : splitHeaders(source.headers).plain;
  const modelInput = createModelInput(schemas, policy, isForeign ? [] : Object.keys(source.headers));
  const request = (given: Arguments, derivedKey?: string, firstSent?: string): HttpRequest => {
    const { key } = policy;
    const more = firstSent === undefined ? headers : { ...headers, [firstSentHeader]: firstSent };
    const path = key?.in === 'argument' && derivedKey !== undefined ? key.path : undefined;
    const args = path && key ? withKeyAt(given, path, (members) => memberKey(key, derivedKey ?? '', members)) : given;
    const sentKey =
      key && key.in !== 'argument' && derivedKey !== undefined
        ? { in: key.in, name: key.name, value: keyValue(key, derivedKey) }
        : undefined;
    return buildRequest(operation, modelInput.schemas, args, { baseUrl, headers: more, ...defined({ key: sentKey }) });
  };
  let fill: ((value: unknown) => unknown) | undefined;
  return {
    operation,
    policy,
    modelInput,
    baseUrl,
    request,
    parse: createParser(modelInput, compiler, request, absentNulls(modelInput, operation)),
    withDefaults: (args) => {
      fill ??= compiler.filler(modelInput.schema);
      return fill(args) as Arguments;
    },
    ...createOutput(api, operation, schemas, fields),
    judge: createJudge(api, operation, schemas),
    charsMax: (argument) => {
      const { maxLength } = argumentSchema(schemas, argument);
      return typeof maxLength === 'number' ? maxLength : Number.POSITIVE_INFINITY;
    },
  };
}

/** The key of a call, or that of one member of a bulk call. */
function memberKey(key: KeyPolicy, derived: string, members: readonly string[]): string {
  if (members.length === 0) return keyValue(key, derived);
  const hex = createHash('sha256')
    .update(JSON.stringify([derived, ...members]))
    .digest('hex');
  return keyValue(
    key,
    `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`,
  );
}

const outputSchemas = new WeakMap<JsonSchema, { readonly schema: JsonSchema | undefined }>();

/** Makes the output schema once for all operations with the same answer. */
function outputSchemaOf(answer: JsonSchema): JsonSchema | undefined {
  const made = outputSchemas.get(answer) ?? { schema: compactSchema(responseOutputSchema(answer)) };
  outputSchemas.set(answer, made);
  return made.schema;
}

/** Creates the output schema and the conversion of responses. Selected fields have no schema. */
function createOutput(
  { source, compiler, document }: ApiContext,
  { method, path }: ApiOperation,
  { answer }: ToolSchemas,
  fields: readonly string[] | undefined,
): Pick<ReadyOperation, 'outputSchema' | 'content'> {
  const outputSchema = answer && fields === undefined ? outputSchemaOf(answer) : undefined;
  const schema = outputSchema && answer;
  const matches = schema && createMatcher(compiler, schema);
  return {
    outputSchema,
    content: (response, uri) => {
      const charsMax = source.answerCharsMax;
      const takesEtag = () => hasConditionalOperation(document, path);
      return responseContent(response, { method, charsMax, uri, takesEtag, ...defined({ schema, matches, fields }) });
    },
  };
}

/** Whether an operation on a path takes `If-Match` or `If-None-Match`. */
function hasConditionalOperation(document: ApiContext['document'], path: string): boolean {
  const here = document.listedOperations.filter((listed) => listed.path === path);
  return here.some((listed) => {
    try {
      return document
        .resolve(listed)
        .parameters.some(({ in: place, name }) => place === 'header' && conditional.test(name));
    } catch {
      return false;
    }
  });
}

const conditional = /^if-(?:none-)?match$/i;

/**
 * Creates the judge of responses with a status of success. A body is a documented error if it matches the schema of the
 * errors and not that of the successes, and if the schema requires a member: one that requires none matches anything.
 */
function createJudge(
  { profile: { errors }, compiler }: ApiContext,
  operation: ApiOperation,
  { answer }: ToolSchemas,
): ReadyOperation['judge'] {
  const matchesSuccess = answer && createMatcher(compiler, answer);
  let matchesError: ((value: unknown) => boolean) | undefined;
  const isDocumentedError = (body: unknown): boolean => {
    if (matchesSuccess === undefined) return false;
    matchesError ??= createErrorMatcher(compiler, operation);
    return matchesError(body) && !matchesSuccess(body);
  };
  return (response, request) => judgeSuccess(response, request, { errors, isDocumentedError });
}

function createErrorMatcher(compiler: SchemaCompiler, operation: ApiOperation): (value: unknown) => boolean {
  const schema = errorSchemaOf(operation);
  const required = arrayOf(schema?.required).map(String);
  if (schema === undefined || required.length === 0) return () => false;
  const matches = createMatcher(compiler, schema);
  // Most bodies lack a member, which is cheaper to find than a whole match.
  return (value) => isObject(value) && required.every((name) => Object.hasOwn(value, name)) && matches(value);
}

/**
 * Returns a function that tells whether a response matches. It returns false for a schema that cannot be used, and does
 * not throw, because the request has succeeded. Some schemas only fail during validation.
 */
function createMatcher(compiler: SchemaCompiler, schema: JsonSchema): (value: unknown) => boolean {
  let matches: ((value: unknown) => boolean) | undefined;
  return (value) => {
    try {
      matches ??= compiler.matcher(schema);
      return matches(value);
    } catch {
      return false;
    }
  };
}

/** Validates with the schema, then tries to build the request, so that invalid calls fail before the ledger has a record. */
function createParser(
  modelInput: ModelInput,
  compiler: SchemaCompiler,
  request: (args: Arguments) => HttpRequest,
  nullIsAbsent: ReadonlySet<string>,
): (value: unknown) => ParsedInput {
  let parse: ((value: unknown) => ParsedInput) | undefined;
  return (value) => {
    const issues = filledInIssues(modelInput, value);
    if (issues.length > 0) return { ok: false, issues };
    parse ??= compiler.parser(modelInput.schema);
    const checked = parse(value);
    if (!checked.ok) return checked;
    const given = Object.entries(checked.value).filter(([name, each]) => each !== null || !nullIsAbsent.has(name));
    const parsed = { ok: true, value: Object.fromEntries(given) } as const;
    try {
      request(withPlaceholders(modelInput, parsed.value));
      return parsed;
    } catch (error) {
      if (!(error instanceof McpOnceError) || error.code !== 'invalid_input') throw error;
      return { ok: false, issues: [{ path: '', message: describeError(error) }] };
    }
  };
}

/**
 * Returns the arguments whose `null` is not sent. With and without it the request is the same, so the operation must be
 * the same. Excludes required arguments with a default, because the default is sent for an absent argument.
 */
function absentNulls({ schemas }: ModelInput, { body }: ApiOperation): ReadonlySet<string> {
  const isForm = /urlencoded|multipart/i.test(body?.contentType ?? '');
  const required: readonly unknown[] = Array.isArray(schemas.input.required) ? schemas.input.required : [];
  const names = Object.entries(schemas.places).flatMap(([name, place]) => {
    const isAbsent = place.in === 'parameter' || (place.in === 'body' && isForm);
    const isFilled = required.includes(name) && argumentSchema(schemas, name).default !== undefined;
    return isAbsent && !isFilled ? [name] : [];
  });
  return new Set(names);
}

function filledInIssues(
  { filledIn: hidden, filledInProperty: hiddenWithin }: ModelInput,
  value: unknown,
): InputIssue[] {
  const names = namesOf(value).filter((name) => hidden.has(name));
  const body = hiddenWithin && namesOf(value).includes(hiddenWithin.argument) ? hiddenWithin : undefined;
  const within = body && namesOf(objectOf(value)[body.argument]).includes(body.property);
  const paths = [...names, ...(body && within ? [`${body.argument}.${body.property}`] : [])];
  return paths.map((path) => ({ path, message: 'is filled in by this tool, so leave it out' }));
}

function namesOf(value: unknown): string[] {
  return Object.keys(objectOf(value));
}

/** Adds placeholders for arguments that are filled in later, so that path parameters have values. */
function withPlaceholders({ filledIn: hidden }: ModelInput, args: Arguments): Record<string, unknown> {
  return { ...args, ...Object.fromEntries([...hidden].map((name) => [name, 'placeholder'])) };
}
