import { Ajv, type ErrorObject, type Options } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describeError } from '../../core/errors.ts';
import type { JsonSchema } from '../../core/json.ts';
import type { InputIssue } from '../../core/tool/types.ts';

/** Judges arguments: what is wrong with them, or nothing. */
export type Validate = (value: unknown) => readonly InputIssue[];

const issuesMax = 50;

/**
 * Formats are annotations in JSON Schema 2020-12, and what is not known to us may be to the server: neither is
 * judged. Nothing is changed: no defaults, no coercion. Schemas are not added by `$id`: those of two tools may be one.
 */
const options: Options = {
  strict: false,
  validateFormats: false,
  validateSchema: false,
  allErrors: true,
  addUsedSchema: false,
  logger: false,
};

/**
 * Makes a validator of a server's schema, in the dialect that its `$schema` names; without one it is JSON Schema
 * 2020-12 (MCP 2025-11-25). Made when it is first asked: few of a server's tools are called.
 *
 * @param invalid told once why the schema cannot be used; everything is then let through, to be judged by the server.
 */
export function validatorOf(schema: JsonSchema, invalid: (why: string) => void): Validate {
  let validate: Validate | undefined;
  return (value) => {
    validate ??= compiled(schema, invalid);
    return validate(value);
  };
}

function compiled({ $schema: dialect, ...schema }: JsonSchema, invalid: (why: string) => void): Validate {
  try {
    const check = compileIn(dialect, schema);
    return (value) => {
      // A schema that calls itself without end is invalid, too, and is found out only here.
      try {
        return check(value) ? [] : (check.errors ?? []).slice(0, issuesMax).map(issueOf);
      } catch {
        return [];
      }
    };
  } catch (error) {
    invalid(describeError(error));
    return () => [];
  }
}

/** Some patterns are right only without the flag `u`, which JSON Schema asks for. */
function compileIn(dialect: unknown, schema: JsonSchema) {
  try {
    return instanceOf(dialect, options).compile<unknown>(schema);
  } catch {
    return instanceOf(dialect, { ...options, unicodeRegExp: false }).compile<unknown>(schema);
  }
}

function instanceOf(dialect: unknown, settings: Options): Ajv {
  const name = typeof dialect === 'string' ? dialect : '';
  if (/draft-0[4-7]/.test(name)) return new Ajv(settings);
  return /2019-09/.test(name) ? new Ajv2019(settings) : new Ajv2020(settings);
}

/** Where and why. Names of fields are told, values are not. */
function issueOf({ instancePath, keyword, message, params }: ErrorObject): InputIssue {
  const path = instancePath
    .split('/')
    .slice(1)
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((name) => (/^\d+$/.test(name) ? `[${name}]` : `.${name}`))
    .join('')
    .replace(/^\./, '');
  const unknown: unknown = keyword === 'additionalProperties' ? params.additionalProperty : undefined;
  const text = typeof unknown === 'string' ? `${JSON.stringify(unknown.slice(0, 64))} is not known` : message;
  return { path, message: text ?? `does not fit (${keyword})` };
}
