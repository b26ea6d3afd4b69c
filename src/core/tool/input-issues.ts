import type { z } from 'zod';
import type { JsonSchema } from '../json.ts';
import { issueText } from '../schema/issue-text.ts';
import { nearest } from '../suggest.ts';
import type { InputIssue } from './types.ts';

/** The longest part of a field's name that a message shows, in characters. */
const nameCharsMax = 64;
/** How many known fields a message lists when no field has a similar name. */
const namesToldMax = 20;

/** Lists the problems in a tool's arguments, with the field that was probably meant. Contains no values. */
export function inputIssues(error: z.ZodError, jsonSchema: JsonSchema): InputIssue[] {
  return error.issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') {
      return [{ path: pathOf(issue.path), message: issueText(issue) + membersOf(issue, jsonSchema) }];
    }
    const known = fieldsAt([jsonSchema], issue.path);
    return issue.keys.map((key) => ({
      path: pathOf(issue.path),
      message: `${JSON.stringify(key.slice(0, nameCharsMax))} is not known${hint(key, known)}`,
    }));
  });
}

/** Names the fields of an object that is missing, or that has another type. */
function membersOf(issue: z.core.$ZodIssue, jsonSchema: JsonSchema): string {
  if (issue.code !== 'invalid_type' || issue.expected !== 'object') return '';
  const fields = fieldsAt([jsonSchema], issue.path).slice(0, namesToldMax);
  return fields.length === 0 ? '' : ` (an object with ${fields.join(', ')})`;
}

function hint(name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  if (meant !== undefined) return ` (did you mean ${JSON.stringify(meant)}?)`;
  return known.length === 0 ? '' : ` (known fields: ${known.slice(0, namesToldMax).join(', ')})`;
}

/** Returns a path such as `lines[0].quantity`; empty for the whole input. */
function pathOf(path: readonly PropertyKey[]): string {
  const parts = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`));
  return parts.join('').replace(/^\./, '');
}

/** Returns the names of the fields at a place in the schema, from all its alternatives. */
function fieldsAt(schemas: readonly JsonSchema[], path: readonly PropertyKey[]): string[] {
  const here = schemas.flatMap(alternativesOf);
  const [step, ...rest] = path;
  if (step === undefined) return [...new Set(here.flatMap((schema) => Object.keys(objectOf(schema.properties))))];
  const next = here.map((schema) =>
    objectOf(typeof step === 'number' ? schema.items : objectOf(schema.properties)[String(step)]),
  );
  return fieldsAt(next, rest);
}

function alternativesOf(schema: JsonSchema): JsonSchema[] {
  const others = [schema.anyOf, schema.oneOf, schema.allOf].flatMap((each) => (Array.isArray(each) ? each : []));
  return [schema, ...others.flatMap((each) => alternativesOf(objectOf(each)))];
}

function objectOf(value: unknown): JsonSchema {
  return typeof value === 'object' && value !== null ? (value as JsonSchema) : {};
}
