import { Ajv2020, type AnySchema, type ErrorObject, type Options, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { describeError, McpOnceError } from '../../core/errors.ts';
import { type JsonSchema, objectOf } from '../../core/json.ts';
import { nearest, sentence } from '../../core/suggest.ts';
import type { InputIssue, ParsedInput } from '../../core/tool/types.ts';
import { fillDependentRequired, keepRequiredDefaults } from './defaults.ts';
import { mayRunLong, timeLimited, timeLimitedPattern } from './time-limits.ts';

const issuesMax = 20;
const namesShownMax = 20;
const nameCharsMax = 64;

/** Compiles the JSON schemas of one document. */
export interface SchemaCompiler {
  /**
   * Returns a function that validates input. It fills in the defaults of missing required properties, in a copy.
   * @throws McpOnceError `tool_invalid` for an unusable schema
   */
  parser(schema: JsonSchema): (value: unknown) => ParsedInput;
  /** Returns a function that fills in all defaults in a copy. Use the copy to compare calls, never to send it. */
  filler(schema: JsonSchema): (value: unknown) => unknown;
  /** Returns a function that tells whether a value matches. @throws McpOnceError `tool_invalid` for an unusable schema */
  matcher(schema: JsonSchema): (value: unknown) => boolean;
}

/** Creates a compiler for JSON Schema 2020-12, based on ajv. It ignores unknown keywords, which documents often have. */
export function createSchemaCompiler(): SchemaCompiler {
  const settings = { strict: false, validateSchema: false, logger: false, code: { regExp: compilePattern } } as const;
  const forInput = compilerOf({ ...settings, allErrors: true, useDefaults: true });
  const forAnswers = compilerOf(settings);
  return {
    parser: (schema) => {
      const validate = forInput(keepRequiredDefaults(schema));
      const check = withTimeLimit(validate, schema);
      return (value) => parse(check, validate, schema, value);
    },
    filler: (schema) => {
      const check = withTimeLimit(forInput(schema), schema);
      return (value) => {
        const copy: unknown = structuredClone(value);
        isValid(check, copy);
        return copy;
      };
    },
    matcher: (schema) => {
      const validate = forAnswers(schema);
      return withTimeLimit(validate, schema);
    },
  };
}

function compilerOf(options: Options): (schema: JsonSchema) => ValidateFunction {
  const create = (): Ajv2020 => {
    const ajv = new Ajv2020(options);
    formats.default(ajv);
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
 * Compiles a pattern, first with the Unicode flag and then without. A pattern that JavaScript cannot compile, such as one
 * with syntax of another language, accepts every text, and the API decides.
 */
const compilePattern = Object.assign(
  (pattern: string, flags: string): RegExp => {
    for (const each of [flags, '']) {
      try {
        return timeLimitedPattern(new RegExp(pattern, each));
      } catch {}
    }
    return /^/;
  },
  { code: 'compilePattern' },
);

type Check = (value: unknown) => boolean;

/** Adds a time limit to validation that may run long. */
function withTimeLimit(validate: ValidateFunction, schema: JsonSchema): Check {
  const check: Check = (value) => validate(value) === true;
  return mayRunLong(schema) ? timeLimited(check) : check;
}

function parse(check: Check, validate: ValidateFunction, schema: JsonSchema, value: unknown): ParsedInput {
  // ajv fills defaults into the value, and the value belongs to the caller.
  const copy: unknown = structuredClone(fillDependentRequired(schema, value));
  if (isValid(check, copy)) return { ok: true, value: copy as Record<string, unknown> };
  const issues = (validate.errors ?? []).map((error) => issueOf(error, schema));
  const distinct = new Map(issues.map((issue) => [`${issue.path}\n${issue.message}`, issue]));
  return { ok: false, issues: [...distinct.values()].slice(0, issuesMax) };
}

/** Runs a check that may overflow the stack (a schema that refers only to itself) or reach its time limit. */
function isValid(check: Check, value: unknown): boolean {
  try {
    return check(value);
  } catch (cause) {
    throw new McpOnceError(
      'tool_invalid',
      'Its schema cannot be used for validation: it refers to itself, or takes too long.',
      {
        cause,
      },
    );
  }
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
