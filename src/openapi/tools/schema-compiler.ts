import { Ajv2020, type AnySchema, type ErrorObject, type Options, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { describeError, McpOnceError } from '../../core/errors.ts';
import { nearestNumbers } from '../../core/exact-json.ts';
import { type JsonSchema, objectOf } from '../../core/json.ts';
import { CheckBounds, type SlowPart, type TestedPattern, type Verdict } from '../../core/schema/check-bounds.ts';
import { uniqueItemsKeyword } from '../../core/schema/unique-items.ts';
import { nearest, sentence } from '../../core/suggest.ts';
import type { InputIssue, ParsedInput } from '../../core/tool/types.ts';
import { fillDependentRequired, keepRequiredDefaults, withDefaultsOnly } from './defaults.ts';

const issuesMax = 20;
const namesShownMax = 20;
const nameCharsMax = 64;
/** A reference to a schema of more keywords becomes a function of its own. Copies of it could fill the memory. */
const inlinedKeywordsMax = 20;

/** Compiles the JSON schemas of one document. */
export interface SchemaCompiler {
  /**
   * Returns a function that validates input. It fills in the defaults of missing required properties, in a copy. It
   * accepts what takes too long to check, and the API decides.
   * @throws McpOnceError `tool_invalid` for an unusable schema
   */
  parser(schema: JsonSchema): (value: unknown) => ParsedInput;
  /** Returns a function that fills in all defaults in a copy. Use the copy to compare calls, never to send it. */
  filler(schema: JsonSchema): (value: unknown) => unknown;
  /**
   * Returns a function that tells whether a value matches. It returns false where that takes too long to check.
   * @throws McpOnceError `tool_invalid` for an unusable schema
   */
  matcher(schema: JsonSchema): (value: unknown) => boolean;
}

export interface SchemaCompilerOptions {
  /** Called when a part of a schema takes too long to check and is given up for some minutes. */
  readonly warn?: (message: string) => void;
}

/** Creates a compiler for JSON Schema 2020-12, based on ajv. It ignores unknown keywords, which documents often have. */
export function createSchemaCompiler({ warn = () => undefined }: SchemaCompilerOptions = {}): SchemaCompiler {
  const bounds = new CheckBounds();
  const settings = {
    strict: false,
    validateSchema: false,
    logger: false,
    inlineRefs: inlinedKeywordsMax,
    code: { regExp: patternCompiler(bounds) },
  } as const;
  const forInput = compilerOf({ ...settings, allErrors: true }, bounds);
  const forDefaults = compilerOf({ ...settings, allErrors: true, useDefaults: true }, bounds);
  const forAnswers = compilerOf(settings, bounds);
  const check = (schema: JsonSchema, validate: ValidateFunction): Check =>
    bounds.check(
      schema,
      (value) => validate(value),
      (part) => warn(gaveUpMessage(schema, part)),
    );
  const filler = (schema: JsonSchema): ((value: unknown) => void) => {
    const parts = withDefaultsOnly(schema);
    if (parts === undefined) return () => undefined;
    const fill = check(parts, forDefaults(parts));
    return (value) => {
      // Without its defaults a call would get another key.
      if (usable(() => fill(value)) === 'given_up') throw unusable();
    };
  };
  return {
    parser: (given) => {
      const schema = keepRequiredDefaults(given);
      const validate = forInput(schema);
      const parts = { check: check(schema, validate), fill: filler(schema), errors: () => validate.errors ?? [] };
      return (value) => parse(parts, given, value);
    },
    filler: (schema) => {
      const fill = filler(schema);
      return (value) => {
        const copy: unknown = structuredClone(value);
        fill(copy);
        return copy;
      };
    },
    matcher: (schema) => {
      const matches = check(schema, forAnswers(schema));
      return (value) => matches(value) === 'valid';
    },
  };
}

function compilerOf(options: Options, bounds: CheckBounds): (schema: JsonSchema) => ValidateFunction {
  const create = (): Ajv2020 => {
    const ajv = new Ajv2020(options);
    formats.default(ajv);
    boundFormats(ajv, bounds);
    ajv.removeKeyword(uniqueItemsKeyword.keyword);
    ajv.addKeyword(uniqueItemsKeyword);
    return ajv;
  };
  let shared: Ajv2020 | undefined;
  return (schema) => {
    shared ??= create();
    try {
      return shared.compile(schema as AnySchema);
    } catch {
      return compileAlone(create(), schema);
    }
  };
}

function boundFormats(ajv: Ajv2020, bounds: CheckBounds): void {
  for (const [name, format] of Object.entries(ajv.formats)) {
    const accepts = format instanceof RegExp ? (text: string) => format.test(text) : format;
    if (typeof accepts === 'function') ajv.addFormat(name, bounds.format(accepts as (text: string) => boolean));
    else if (typeof accepts === 'object' && typeof accepts.validate === 'function' && accepts.type !== 'number') {
      const { validate } = accepts;
      ajv.addFormat(name, bounds.format(validate as (text: string) => boolean));
    }
  }
}

/** Uses a new ajv instance, because one instance refuses two schemas with the same `$id`. */
function compileAlone(ajv: Ajv2020, schema: JsonSchema): ValidateFunction {
  try {
    return ajv.compile(schema as AnySchema);
  } catch (cause) {
    throw new McpOnceError(
      'tool_invalid',
      sentence(`Its schema cannot be used for validation: ${describeError(cause)}`),
      {
        cause,
      },
    );
  }
}

/**
 * Compiles patterns, first with the Unicode flag and then without. A pattern that JavaScript cannot compile, such as one
 * with syntax of another language, accepts every text, and the API decides.
 */
function patternCompiler(bounds: CheckBounds) {
  const compile = (source: string, flags: string): TestedPattern => {
    for (const each of [flags, '']) {
      try {
        return bounds.pattern(source, each);
      } catch {}
    }
    return /^/;
  };
  return Object.assign(compile, { code: 'compilePattern' });
}

type Check = (value: unknown) => Verdict;

interface ParserParts {
  readonly check: Check;
  /** Fills defaults into the value. */
  readonly fill: (value: unknown) => void;
  readonly errors: () => readonly ErrorObject[];
}

function parse({ check, fill, errors }: ParserParts, schema: JsonSchema, value: unknown): ParsedInput {
  // The value belongs to the caller.
  const copy: unknown = structuredClone(fillDependentRequired(schema, value));
  fill(copy);
  if (usable(() => check(nearestNumbers(copy))) !== 'invalid')
    return { ok: true, value: copy as Record<string, unknown> };
  const issues = errors().map((error) => issueOf(error, schema));
  const distinct = new Map(issues.map((issue) => [`${issue.path}\n${issue.message}`, issue]));
  return { ok: false, issues: [...distinct.values()].slice(0, issuesMax) };
}

/** Runs a check that may overflow the stack: a schema may refer only to itself. */
function usable(check: () => Verdict): Verdict {
  try {
    return check();
  } catch (cause) {
    throw unusable(cause);
  }
}

function unusable(cause?: unknown): McpOnceError {
  const why = cause === undefined ? 'its defaults take too long to fill in' : 'it refers to itself';
  return new McpOnceError('tool_invalid', `Its schema cannot be used for validation: ${why}.`, { cause });
}

function gaveUpMessage(schema: JsonSchema, part: SlowPart): string {
  const names = Object.keys(objectOf(schema.properties)).slice(0, namesShownMax).join(', ').slice(0, nameCharsMax);
  const what = part === 'pattern' ? 'a pattern in a schema' : 'the schema';
  return `${what} with the properties ${names} takes too long. For 10 minutes only the API checks it`;
}

/** Describes a validation error: its place and what the schema expects, but never the value. */
function issueOf(error: ErrorObject, schema: JsonSchema): InputIssue {
  const { keyword, params, instancePath } = error;
  const path = pathOf(instancePath);
  switch (keyword) {
    case 'required':
      return {
        path: path === '' ? params.missingProperty : `${path}.${params.missingProperty}`,
        message: 'is missing',
      };
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const name = String(params.additionalProperty ?? params.unevaluatedProperty);
      const known = path === '' ? Object.keys(objectOf(schema.properties)) : [];
      return {
        path,
        message: `${JSON.stringify(name.slice(0, nameCharsMax))} is not known${suggestName(name, known)}`,
      };
    }
    case 'enum': {
      const allowed = (params.allowedValues as unknown[]).slice(0, namesShownMax).map((each) => JSON.stringify(each));
      return { path, message: `must be one of ${allowed.join(', ')}` };
    }
    case 'const':
      return { path, message: `must be ${JSON.stringify(params.allowedValue)}` };
    default:
      return { path, message: error.message ?? `does not match ${keyword}` };
  }
}

function suggestName(name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  if (meant !== undefined) return ` (did you mean ${JSON.stringify(meant)}?)`;
  return known.length === 0 ? '' : ` (known: ${known.slice(0, namesShownMax).join(', ')})`;
}

/** Converts `/lines/0/quantity` to `lines[0].quantity`. Returns an empty string for the whole input. */
function pathOf(pointer: string): string {
  const steps = pointer.split('/').slice(1);
  const parts = steps.map((step) => {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    return /^\d+$/.test(name) ? `[${name}]` : `.${name}`;
  });
  return parts.join('').replace(/^\./, '');
}
