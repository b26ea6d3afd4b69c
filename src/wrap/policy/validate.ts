import { Ajv, type ErrorObject, type Options } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describeError } from '../../core/errors.ts';
import type { JsonSchema } from '../../core/json.ts';
import type { InputIssue } from '../../core/tool/types.ts';

/** Returns the issues of arguments; none for valid ones. */
export type Validate = (value: unknown) => readonly InputIssue[];

const issuesMax = 50;

/**
 * Does not validate formats, which are annotations in JSON Schema 2020-12, and ignores unknown keywords, which the
 * server may know. Changes nothing: no defaults, no coercion. Does not register schemas by `$id`, because two tools
 * may use the same one.
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
 * Makes a validator for a server's schema, in the dialect that its `$schema` names, or else in JSON Schema 2020-12
 * (MCP 2025-11-25). Compiles it at the first call, because most tools of a server are never called.
 *
 * @param invalid called once with the reason when the schema cannot be used. All arguments are valid then.
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
      // An endlessly recursive schema fails only here.
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

/** Some patterns are valid only without the flag `u` that JSON Schema requires. */
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

/** Names the field and the problem, but no value. */
function issueOf({ instancePath, keyword, message, params }: ErrorObject): InputIssue {
  const path = instancePath
    .split('/')
    .slice(1)
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((name) => (/^\d+$/.test(name) ? `[${name}]` : `.${name}`))
    .join('')
    .replace(/^\./, '');
  const unknown: unknown = keyword === 'additionalProperties' ? params.additionalProperty : undefined;
  const text = typeof unknown === 'string' ? `${JSON.stringify(unknown.slice(0, 64))} is unknown` : message;
  return { path, message: text ?? `does not fit (${keyword})` };
}
