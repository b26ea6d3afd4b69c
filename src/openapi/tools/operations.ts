import { describeError, McpOnceError } from '../../core/errors.ts';
import type { JsonSchema } from '../../core/json.ts';
import type { ContentResult, InputIssue, ParsedInput } from '../../core/tool/types.ts';
import { toolSchemas } from '../document/schemas.ts';
import type { ApiDocument, ApiOperation, OperationHead } from '../document/types.ts';
import { answerOutputSchema, contentOf } from '../http/answer.ts';
import { splitHeaders } from '../http/header-variables.ts';
import { buildRequest } from '../http/request.ts';
import type { HttpRequest, HttpResponse } from '../http/types.ts';
import { argumentSchema } from '../policy/argument-schema.ts';
import { documentOverride, mergeOverrides, type OperationOverride } from '../policy/extensions.ts';
import { keyValue } from '../policy/idempotency-key.ts';
import { type OperationPolicy, policyOf } from '../policy/policy.ts';
import type { ProviderProfile } from '../policy/profiles.ts';
import type { OpenApiSource } from '../source.ts';
import { type ShownSchemas, showSchemas } from './hidden.ts';
import type { SchemaCompiler } from './input.ts';
import { isStranger } from './trust.ts';

/** Of JSON. */
const outputSchemaCharsMax = 16_384;

/** One API: what all of its operations share. */
export interface ApiParts {
  readonly document: ApiDocument;
  readonly source: OpenApiSource;
  readonly profile: ProviderProfile;
  readonly compiler: SchemaCompiler;
  /** The server of operations that declare none. */
  readonly baseUrl: string;
  /** What the configuration says of an operation. */
  overrideOf(head: OperationHead): OperationOverride | undefined;
}

/** An operation that is ready to be called: resolved, with its policy. */
export interface ReadyOperation {
  readonly operation: ApiOperation;
  readonly policy: OperationPolicy;
  readonly shown: ShownSchemas;
  readonly outputSchema: JsonSchema | undefined;
  /** Absolute, without a final slash. */
  readonly baseUrl: string;
  parse(value: unknown): ParsedInput;
  /** Arguments with every default filled in: for telling which operation is meant, never for sending. */
  withDefaults(args: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>>;
  /**
   * @param key the derived key, where the policy has a place for one.
   * @throws McpOnceError `invalid_input` naming the argument that cannot be sent; nothing was sent then.
   */
  request(args: Readonly<Record<string, unknown>>, key?: string): HttpRequest;
  content(answer: HttpResponse, uri: string): ContentResult;
  /** The longest text that an argument takes, in characters; Infinity where nothing is said. */
  charsMax(argument: string): number;
}

/**
 * Resolves an operation with all that is needed to call it. It takes time for a large one: do it once, when it is
 * asked for.
 * @throws McpOnceError `tool_invalid` naming what is wrong with the operation or with what was said of it.
 */
export function readyOperation(api: ApiParts, head: OperationHead): ReadyOperation {
  const { document, source, profile, compiler } = api;
  const operation = document.operation(head);
  const schemas = toolSchemas(operation);
  const configured = api.overrideOf(head);
  const policy = policyOf(operation, schemas, { profile, override: configured, document });
  const { fields } = mergeOverrides(documentOverride(head), configured);
  const shown = showSchemas(schemas, policy);
  const baseUrl = (source.baseUrl ?? operation.servers[0] ?? api.baseUrl).replace(/\/+$/, '');
  const outputSchema = schemas.answer && fields === undefined ? shortOutputSchema(schemas.answer) : undefined;
  // One that holds no variable may be a secret all the same.
  const plain = isStranger(source, api.baseUrl, baseUrl) ? {} : splitHeaders(source.headers).plain;
  const request = (args: Readonly<Record<string, unknown>>, derived?: string): HttpRequest => {
    const { key } = policy;
    const filled =
      key && derived !== undefined ? { in: key.in, name: key.name, value: keyValue(key, derived) } : undefined;
    return buildRequest(operation, shown.schemas, args, {
      baseUrl,
      headers: plain,
      ...(filled ? { key: filled } : {}),
    });
  };
  const { answer } = schemas;
  let matches: ((value: unknown) => boolean) | undefined;
  let fill: ((value: unknown) => unknown) | undefined;
  return {
    operation,
    policy,
    shown,
    outputSchema,
    baseUrl,
    request,
    parse: parserOf(shown, compiler, request, absentNulls(shown, operation)),
    withDefaults: (args) => {
      fill ??= compiler.filler(shown.input);
      return fill(args) as Readonly<Record<string, unknown>>;
    },
    content: (answered, uri) => {
      if (answer && outputSchema) matches ??= matcherOf(compiler, answer);
      return contentOf(answered, {
        method: operation.method,
        charsMax: source.answerCharsMax,
        uri,
        ...(answer && outputSchema ? { schema: answer } : {}),
        ...(matches ? { matches } : {}),
        ...(fields ? { fields } : {}),
      });
    },
    charsMax: (argument) => {
      const { maxLength } = argumentSchema(schemas, argument);
      return typeof maxLength === 'number' ? maxLength : Number.POSITIVE_INFINITY;
    },
  };
}

/** Clients compile the output schema of every tool that they list: a long one is left out, the content is the same. */
function shortOutputSchema(answer: JsonSchema): JsonSchema | undefined {
  const schema = answerOutputSchema(answer);
  return JSON.stringify(schema).length <= outputSchemaCharsMax ? schema : undefined;
}

/**
 * A schema that cannot be checked by says nothing against an answer: the request has succeeded. One that is made of
 * nothing but itself is found out only when it is checked by.
 */
function matcherOf(compiler: SchemaCompiler, schema: JsonSchema): (value: unknown) => boolean {
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

/** Checks by the schema, then by trying to write the request: what cannot be sent is refused before it has a record. */
function parserOf(
  shown: ShownSchemas,
  compiler: SchemaCompiler,
  request: (args: Readonly<Record<string, unknown>>) => HttpRequest,
  nullIsAbsent: ReadonlySet<string>,
): (value: unknown) => ParsedInput {
  let parse: ((value: unknown) => ParsedInput) | undefined;
  return (value) => {
    const filled = filledHere(shown, value);
    if (filled.length > 0) return { ok: false, issues: filled };
    parse ??= compiler.parser(shown.input);
    const checked = parse(value);
    if (!checked.ok) return checked;
    const given = Object.entries(checked.value).filter(([name, each]) => each !== null || !nullIsAbsent.has(name));
    const parsed = { ok: true, value: Object.fromEntries(given) } as const;
    try {
      request(placeholders(shown, parsed.value));
      return parsed;
    } catch (error) {
      if (!(error instanceof McpOnceError) || error.code !== 'invalid_input') throw error;
      return { ok: false, issues: [{ path: '', message: describeError(error) }] };
    }
  };
}

/**
 * Arguments whose `null` is sent as nothing at all: with and without it the request is the same, and so must be the
 * operation. Not required ones with a default, which is sent for what is left out.
 */
function absentNulls({ schemas }: ShownSchemas, { body }: ApiOperation): ReadonlySet<string> {
  const isForm = /urlencoded|multipart/i.test(body?.contentType ?? '');
  const required: readonly unknown[] = Array.isArray(schemas.input.required) ? schemas.input.required : [];
  const names = Object.entries(schemas.places).flatMap(([name, place]) => {
    const isAbsent = place.in === 'parameter' || (place.in === 'body' && isForm);
    const isFilled = required.includes(name) && argumentSchema(schemas, name).default !== undefined;
    return isAbsent && !isFilled ? [name] : [];
  });
  return new Set(names);
}

function filledHere({ hidden, hiddenWithin }: ShownSchemas, value: unknown): InputIssue[] {
  const names = namesOf(value).filter((name) => hidden.has(name));
  const body = hiddenWithin && namesOf(value).includes(hiddenWithin.argument) ? hiddenWithin : undefined;
  const within = body && namesOf((value as Readonly<Record<string, unknown>>)[body.argument]).includes(body.property);
  const paths = [...names, ...(body && within ? [`${body.argument}.${body.property}`] : [])];
  return paths.map((path) => ({ path, message: 'is filled in by this tool: leave it out' }));
}

function namesOf(value: unknown): string[] {
  return typeof value === 'object' && value !== null ? Object.keys(value) : [];
}

/** Stands in for what is filled in later, so that a path parameter is there. */
function placeholders({ hidden }: ShownSchemas, args: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return { ...args, ...Object.fromEntries([...hidden].map((name) => [name, 'placeholder'])) };
}
