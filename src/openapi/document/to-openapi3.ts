import { describeError } from '../../core/errors.ts';
import { appendToPointer, arrayOf, isObject, type JsonObject } from '../../core/json.ts';
import { DocumentFault } from './document-fault.ts';
import { documentAdvice } from './parse-text.ts';
import { prepareSwaggerPath } from './prepare-swagger.ts';
import type { DocumentProblem } from './types.ts';

/** The root object of a document, as OpenAPI 3. */
export interface OpenApi3Root {
  readonly root: JsonObject;
  /** True for 2.0 and 3.0, which ignore the siblings of a `$ref` (OpenAPI 3.0.4, 4.23.1). */
  readonly ignoresRefSiblings: boolean;
  readonly problems: readonly DocumentProblem[];
}

/**
 * Checks the version and upgrades Swagger 2.0 to OpenAPI 3.0. Later readers need no version: the dialects of
 * schemas differ in keywords that cannot be confused.
 * @param scheme the scheme of the document's URL. A Swagger 2.0 document without `schemes` uses it.
 * @throws DocumentFault with a reason whose subject is the document.
 */
export async function toOpenApi3(value: unknown, scheme?: string): Promise<OpenApi3Root> {
  if (!isObject(value)) {
    throw new DocumentFault(`it is not an OpenAPI document (its top level is not an object): ${documentAdvice}`);
  }
  const { openapi, swagger } = value;
  if (openapi === undefined && swagger === undefined) {
    throw new DocumentFault(
      `it is not an OpenAPI document (it has neither "openapi" nor "swagger" at its top level): ${documentAdvice}`,
    );
  }
  // YAML parses a version without quotes as a number.
  const version = String(openapi ?? (swagger === 2 ? '2.0' : swagger)).slice(0, 20);
  if (!isObject(value.paths) || Object.keys(value.paths).length === 0) {
    throw new DocumentFault('it has no paths, so it has no operations to serve');
  }
  if (openapi === undefined && /^2\.0(\.|$)/.test(version)) return upgradeSwagger(value, value.paths, scheme);
  if (openapi !== undefined && /^3\.[012](\.|-|$)/.test(version)) {
    return { root: value, ignoresRefSiblings: version.startsWith('3.0'), problems: [] };
  }
  throw new DocumentFault(`version ${JSON.stringify(version)} is not supported: use 2.0, 3.0, 3.1 or 3.2`);
}

async function upgradeSwagger(value: JsonObject, paths: JsonObject, scheme?: string): Promise<OpenApi3Root> {
  const problems: DocumentProblem[] = [];
  const prepared: Record<string, JsonObject> = {};
  const { upgradeFromTwoToThree } = await import('@scalar/openapi-upgrader/2.0-to-3.0');
  for (const [path, item] of Object.entries(paths)) {
    const pointer = appendToPointer('/paths', path);
    if (isObject(item)) {
      const result = prepareSwaggerPath({ item, pointer, document: value });
      prepared[path] = result.item;
      problems.push(...result.problems);
    } else if (!path.startsWith('x-')) {
      problems.push({ where: pointer, reason: 'it is not an object' });
    }
  }
  try {
    // The upgrader prefers the document's `produces` to the operation's. Each operation has its own by now.
    const { produces: _, ...rest } = value;
    const root = upgradeFromTwoToThree({ ...rest, swagger: '2.0', schemes: schemesOf(value, scheme), paths: prepared });
    return { root: root as JsonObject, ignoresRefSiblings: true, problems };
  } catch (error) {
    throw new DocumentFault(`it cannot be upgraded from Swagger 2.0: ${describeError(error)}`, { cause: error });
  }
}

function schemesOf(value: JsonObject, scheme: string | undefined): readonly unknown[] {
  const given = arrayOf(value.schemes);
  if (given.length === 0) return [scheme ?? 'https'];
  return [...given].sort((one, other) => Number(other === 'https') - Number(one === 'https'));
}
