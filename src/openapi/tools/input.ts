import { Ajv2020, type AnySchema, type ErrorObject, type Options, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { describeError, McpOnceError } from '../../core/errors.ts';
import type { JsonSchema } from '../../core/json.ts';
import { nearest, sentence } from '../../core/suggest.ts';
import type { InputIssue, ParsedInput } from '../../core/tool/types.ts';
import { boundedPattern, boundedWork, mayTakeLong } from './bounded.ts';
import { requiredDefaults, withNeeded } from './defaults.ts';

const issuesMax = 20;
const namesToldMax = 20;
const nameCharsMax = 64;

/** Compiles schemas for one source; each is compiled once, on its first use. */
export interface SchemaCompiler {
  /**
   * Leaves what is given as it is, but for required properties that are missing and have a default.
   * @throws McpOnceError `tool_invalid` for a schema that nothing can be checked by.
   */
  parser(schema: JsonSchema): (value: unknown) => ParsedInput;
  /** A copy with every default filled in: what two ways of saying the same have in common; never what is sent. */
  filler(schema: JsonSchema): (value: unknown) => unknown;
  /** @throws McpOnceError `tool_invalid` likewise. */
  matcher(schema: JsonSchema): (value: unknown) => boolean;
}

/** JSON Schema 2020-12 by ajv. Words that it does not know are no error: documents are full of them. */
export function createCompiler(): SchemaCompiler {
  const settings = { strict: false, validateSchema: false, logger: false, code: { regExp: readPattern } } as const;
  const forInput = compilerOf({ ...settings, allErrors: true, useDefaults: true });
  const forAnswers = compilerOf(settings);
  return {
    parser: (schema) => {
      const validate = forInput(requiredDefaults(schema));
      const check = inTime(validate, schema);
      return (value) => parse(check, validate, schema, value);
    },
    filler: (schema) => {
      const check = inTime(forInput(schema), schema);
      return (value) => {
        const copy: unknown = structuredClone(value);
        isValid(check, copy);
        return copy;
      };
    },
    matcher: (schema) => {
      const validate = forAnswers(schema);
      return inTime(validate, schema);
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

/** Two schemas of one document may hold the same `$id`, which one compiler does not bear. */
function compileAlone(ajv: Ajv2020, schema: JsonSchema): ValidateFunction {
  try {
    return ajv.compile(schema as AnySchema);
  } catch (cause) {
    throw new McpOnceError('tool_invalid', sentence(`Its schema cannot be checked by: ${describeError(cause)}`), {
      cause,
    });
  }
}

/**
 * Patterns with Unicode where they can be read so, without where not, and one that JavaScript cannot read at all
 * (a look-behind of another language, say) lets everything through: the API judges then.
 */
const readPattern = Object.assign(
  (pattern: string, flags: string): RegExp => {
    for (const each of [flags, '']) {
      try {
        return boundedPattern(new RegExp(pattern, each));
      } catch {}
    }
    return /^/;
  },
  { code: 'readPattern' },
);

type Check = (value: unknown) => boolean;

/** One that may branch without end is given up after a while, by an error. */
function inTime(validate: ValidateFunction, schema: JsonSchema): Check {
  const check: Check = (value) => validate(value) === true;
  return mayTakeLong(schema) ? boundedWork(check) : check;
}

function parse(check: Check, validate: ValidateFunction, schema: JsonSchema, value: unknown): ParsedInput {
  // What is missing is filled into what is given, which is the caller's.
  const copy: unknown = structuredClone(withNeeded(schema, value));
  if (isValid(check, copy)) return { ok: true, value: copy as Record<string, unknown> };
  const issues = (validate.errors ?? []).map((error) => issueOf(error, schema));
  const distinct = new Map(issues.map((issue) => [`${issue.path}\n${issue.message}`, issue]));
  return { ok: false, issues: [...distinct.values()].slice(0, issuesMax) };
}

/** A schema that is made of nothing but itself has no end, and one that branches at each step none that is near. */
function isValid(check: Check, value: unknown): boolean {
  try {
    return check(value);
  } catch (cause) {
    throw new McpOnceError('tool_invalid', 'Its schema cannot be checked by: it has no end, or none that is near.', {
      cause,
    });
  }
}

/** Says what is wrong and where, and what the schema wants; never the value. */
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
      return { path, message: `${JSON.stringify(name.slice(0, nameCharsMax))} is not known${hint(name, known)}` };
    }
    case 'enum': {
      const allowed = (params.allowedValues as unknown[]).slice(0, namesToldMax).map((each) => JSON.stringify(each));
      return { path, message: `must be one of ${allowed.join(', ')}` };
    }
    case 'const':
      return { path, message: `must be ${JSON.stringify(params.allowedValue)}` };
    default:
      return { path, message: error.message ?? `is not as ${keyword} wants it` };
  }
}

function hint(name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  if (meant !== undefined) return ` (did you mean ${JSON.stringify(meant)}?)`;
  return known.length === 0 ? '' : ` (there are: ${known.slice(0, namesToldMax).join(', ')})`;
}

/** `/lines/0/quantity` as `lines[0].quantity`; empty for the whole input. */
function pathOf(pointer: string): string {
  const steps = pointer.split('/').slice(1);
  const parts = steps.map((step) => {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    return /^\d+$/.test(name) ? `[${name}]` : `.${name}`;
  });
  return parts.join('').replace(/^\./, '');
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
