import { Ajv, type ErrorObject, type Options, type ValidateFunction } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describeError } from '../../core/errors.ts';
import type { JsonSchema } from '../../core/json.ts';
import { CheckBounds, type SlowPart } from '../../core/schema/check-bounds.ts';
import { withTimeLimit } from '../../core/schema/time-limit.ts';
import { uniqueItemsKeyword } from '../../core/schema/unique-items.ts';
import type { InputIssue } from '../../core/tool/types.ts';

/** Returns the issues of arguments; none for valid ones. */
export type Validate = (value: unknown) => readonly InputIssue[];

/** Receives what happens to the validation of one schema. */
export interface ValidationReport {
  /** Called once with the reason when the schema cannot be used. All arguments are valid then. */
  readonly invalid?: (why: string) => void;
  /** Called when a part of the schema takes too long. It accepts all arguments for some minutes. */
  readonly gaveUp?: (part: SlowPart) => void;
}

const issuesMax = 50;
/** The longest compilation of a schema, in ms. */
const compileMsMax = 250;
/** A reference to a schema of more keywords becomes a function of its own. Copies of it could fill the memory. */
const inlinedKeywordsMax = 20;

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
  inlineRefs: inlinedKeywordsMax,
};

/**
 * Makes a validator for a server's schema, in the dialect that its `$schema` names, or else in JSON Schema 2020-12
 * (MCP 2025-11-25). Compiles it at the first call, because most tools of a server are never called. Validation only
 * spares the ledger a record, and the server validates again, so what takes too long is left out.
 */
export function validatorOf(schema: JsonSchema, report: ValidationReport = {}): Validate {
  let validate: Validate | undefined;
  return (value) => {
    validate ??= compiled(schema, report);
    return validate(value);
  };
}

function compiled({ $schema: dialect, ...schema }: JsonSchema, { invalid, gaveUp }: ValidationReport): Validate {
  try {
    const bounds = new CheckBounds();
    const compiling = withTimeLimit(compileMsMax, () => compileIn(dialect, schema, bounds));
    if (compiling.isLate) throw new Error('its compilation takes too long');
    const accepts = compiling.value;
    const check = bounds.check(
      schema,
      (value) => accepts(value),
      (part) => gaveUp?.(part),
    );
    return (value) => {
      // An endlessly recursive schema fails only here.
      try {
        return check(value) === 'invalid' ? (accepts.errors ?? []).slice(0, issuesMax).map(issueOf) : [];
      } catch {
        return [];
      }
    };
  } catch (error) {
    invalid?.(describeError(error));
    return () => [];
  }
}

/** Some patterns are valid only without the flag `u` that JSON Schema requires. */
function compileIn(dialect: unknown, schema: JsonSchema, bounds: CheckBounds): ValidateFunction {
  const compile = (unicodeRegExp: boolean): ValidateFunction => {
    const pattern = Object.assign((source: string, flags: string) => bounds.pattern(source, flags), {
      code: 'pattern',
    });
    const ajv = instanceOf(dialect, { ...options, unicodeRegExp, code: { regExp: pattern } });
    ajv.removeKeyword(uniqueItemsKeyword.keyword);
    ajv.addKeyword(uniqueItemsKeyword);
    return ajv.compile<unknown>(schema);
  };
  try {
    return compile(true);
  } catch {
    return compile(false);
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
