import { describeError } from '../../core/errors.ts';
import { appendToPointer, arrayOf, isObject, type JsonObject } from '../../core/json.ts';
import { DocumentFault } from './document-fault.ts';
import { documentAdvice } from './parse-text.ts';
import { readySwagger } from './swagger.ts';
import type { DocumentProblem } from './types.ts';

/** A document as OpenAPI 3, whatever it was written in. */
export interface OpenApiRoot {
  readonly root: JsonObject;
  /** True for 2.0 and 3.0, where the siblings of a `$ref` mean nothing (OpenAPI 3.0.4, 4.23.1). */
  readonly isOld: boolean;
  readonly problems: readonly DocumentProblem[];
}

/**
 * Tells the version, and makes OpenAPI 3.0 out of Swagger 2.0. What is told apart here is told nowhere else: the
 * dialects of schemas differ in keywords that cannot be mistaken for one another.
 * @param scheme that the document came by, for Swagger 2.0, where it stands for schemes that are not given.
 * @throws DocumentFault with a reason whose subject is the document.
 */
export async function openApiRoot(value: unknown, scheme?: string): Promise<OpenApiRoot> {
  if (!isObject(value)) throw new DocumentFault(`it is no OpenAPI document: it is no object: ${documentAdvice}`);
  const { openapi, swagger } = value;
  if (openapi === undefined && swagger === undefined) {
    throw new DocumentFault(
      `it is no OpenAPI document: it has neither a member "openapi" nor "swagger": ${documentAdvice}`,
    );
  }
  // YAML makes a number of a version without quotes.
  const version = String(openapi ?? (swagger === 2 ? '2.0' : swagger)).slice(0, 20);
  if (!isObject(value.paths) || Object.keys(value.paths).length === 0) {
    throw new DocumentFault('it has no paths, so there is no operation to serve');
  }
  if (openapi === undefined && /^2\.0(\.|$)/.test(version)) return upgraded(value, value.paths, scheme);
  if (openapi !== undefined && /^3\.[012](\.|-|$)/.test(version)) {
    return { root: value, isOld: version.startsWith('3.0'), problems: [] };
  }
  throw new DocumentFault(
    `it is written in version ${JSON.stringify(version)}, which is not supported: 2.0, 3.0, 3.1 and 3.2 are`,
  );
}

async function upgraded(value: JsonObject, paths: JsonObject, scheme?: string): Promise<OpenApiRoot> {
  const problems: DocumentProblem[] = [];
  const ready: Record<string, JsonObject> = {};
  const { upgradeFromTwoToThree } = await import('@scalar/openapi-upgrader/2.0-to-3.0');
  for (const [path, item] of Object.entries(paths)) {
    const pointer = appendToPointer('/paths', path);
    if (isObject(item)) ready[path] = readySwagger({ item, pointer, document: value, problems });
    else if (!path.startsWith('x-')) problems.push({ where: pointer, reason: 'it is no object' });
  }
  try {
    // A produces of the whole document would go before an operation's own, which has it already.
    const { produces: _, ...rest } = value;
    const root = upgradeFromTwoToThree({ ...rest, swagger: '2.0', schemes: schemesOf(value, scheme), paths: ready });
    return { root: root as JsonObject, isOld: true, problems };
  } catch (error) {
    throw new DocumentFault(`it cannot be upgraded from Swagger 2.0: ${describeError(error)}`, { cause: error });
  }
}

function schemesOf(value: JsonObject, scheme: string | undefined): readonly unknown[] {
  const given = arrayOf(value.schemes);
  if (given.length === 0) return [scheme ?? 'https'];
  return [...given].sort((one, other) => Number(other === 'https') - Number(one === 'https'));
}
