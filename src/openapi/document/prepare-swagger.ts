import {
  appendToPointer,
  arrayOf,
  isObject,
  type JsonObject,
  nonBlankText,
  objectOf,
  unescapePointerToken,
} from '../../core/json.ts';
import type { DocumentProblem } from './types.ts';

interface SwaggerPath {
  readonly item: JsonObject;
  readonly pointer: string;
  readonly document: JsonObject;
}

/** A part of a document that is prepared for the upgrader, or the reason why it cannot be. */
type Prepared<Part> = { readonly part: Part } | { readonly problem: DocumentProblem };

const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'];
const formTypes = ['application/x-www-form-urlencoded', 'multipart/form-data'];
/** Members of a Swagger 2.0 parameter that do not belong to its schema. */
const parameterMembers = new Set(['name', 'in', 'required', 'collectionFormat', 'allowEmptyValue']);

/**
 * Prepares one path item of Swagger 2.0 for the upgrader. The upgrader loses items, enums, defaults and `required` of
 * form parameters and drops shared bodies, so body and form parameters become one body parameter of the operation. It
 * also throws if one operation is malformed, so malformed operations are removed and become problems.
 */
export function prepareSwaggerPath(path: SwaggerPath): { item: JsonObject; problems: readonly DocumentProblem[] } {
  const { parameters: _, ...members } = path.item;
  const others = Object.entries(members).filter(([name]) => !methods.includes(name));
  const shared = resolveParameters(path, path.item.parameters, `${path.pointer}/parameters`);
  if ('problem' in shared) return { item: Object.fromEntries(others), problems: [shared.problem] };
  const operations: [string, JsonObject][] = [];
  const problems: DocumentProblem[] = [];
  for (const method of methods) {
    if (!Object.hasOwn(path.item, method)) continue;
    const pointer = appendToPointer(path.pointer, method);
    const operation = prepareOperation(path, path.item[method], pointer, shared.part);
    if ('problem' in operation) problems.push(operation.problem);
    else operations.push([method, operation.part]);
  }
  return { item: Object.fromEntries([...others, ...operations]), problems };
}

function prepareOperation(
  path: SwaggerPath,
  operation: unknown,
  pointer: string,
  shared: readonly JsonObject[],
): Prepared<JsonObject> {
  if (!isObject(operation)) return { problem: { where: pointer, reason: 'it is not an object' } };
  const resolved = resolveParameters(path, operation.parameters, `${pointer}/parameters`);
  if ('problem' in resolved) return resolved;
  if (!Object.values(objectOf(operation.responses)).every(isObject)) {
    return { problem: { where: pointer, reason: 'one of its responses is not an object' } };
  }
  const own = resolved.part;
  const parameters = [...shared.filter((one) => !own.some((other) => isSame(one, other))), ...own];
  const isBody = (each: JsonObject) => each.in === 'body' || each.in === 'formData';
  const form = parameters.filter((each) => each.in === 'formData');
  const body = parameters.find((each) => each.in === 'body') ?? (form.length > 0 ? formBody(form) : undefined);
  const consumes = textsOf(operation.consumes) ?? textsOf(path.document.consumes) ?? ['application/json'];
  const part = {
    ...operation,
    responses: objectOf(operation.responses),
    produces: textsOf(operation.produces) ?? textsOf(path.document.produces) ?? ['application/json'],
    consumes: form.length > 0 ? formConsumes(form, consumes) : consumes,
    parameters: [...parameters.filter((each) => !isBody(each)), ...(body ? [body] : [])],
  };
  return { part };
}

/** Follows references to shared parameters. The first malformed parameter is the problem. */
function resolveParameters(path: SwaggerPath, value: unknown, pointer: string): Prepared<readonly JsonObject[]> {
  if (value !== undefined && !Array.isArray(value)) {
    return { problem: { where: pointer, reason: 'it is not an array' } };
  }
  const parameters: JsonObject[] = [];
  for (const [index, each] of arrayOf(value).entries()) {
    const token = /^#\/parameters\/([^/]+)$/.exec(String(objectOf(each).$ref))?.[1];
    const shared = objectOf(path.document.parameters);
    const found = token === undefined ? each : shared[unescapePointerToken(token)];
    const isKnown = isObject(found) && (typeof found.$ref === 'string' || nonBlankText(found.in) !== undefined);
    if (!isKnown) {
      return { problem: { where: `${pointer}/${index}`, reason: 'it is not a parameter: it has no "in"' } };
    }
    parameters.push({ ...found });
  }
  return { part: parameters };
}

function isSame(one: JsonObject, other: JsonObject): boolean {
  const isBodyBoth = one.in === 'body' && other.in === 'body';
  return isBodyBoth || (one.in === other.in && one.name === other.name && one.name !== undefined);
}

function formBody(form: readonly JsonObject[]): JsonObject {
  const properties = form.map((each) => [
    String(each.name),
    Object.fromEntries(Object.entries(each).filter(([keyword]) => !parameterMembers.has(keyword))),
  ]);
  const required = form.filter((each) => each.required === true).map((each) => String(each.name));
  // `multi` is style form, exploded, in OpenAPI 3. The other formats write the array as one text.
  const arrays = form.filter((each) => each.type === 'array');
  const encoding = arrays.map((each) => [
    String(each.name),
    { style: styles[String(each.collectionFormat)] ?? 'form', explode: each.collectionFormat === 'multi' },
  ]);
  return {
    name: 'body',
    in: 'body',
    required: required.length > 0,
    schema: { type: 'object', properties: Object.fromEntries(properties), required },
    'x-encoding': Object.fromEntries(encoding),
  };
}

const styles: Readonly<Record<string, string>> = { ssv: 'spaceDelimited', pipes: 'pipeDelimited' };

function formConsumes(form: readonly JsonObject[], consumes: readonly string[]): readonly string[] {
  const hasFile = form.some((each) => each.type === 'file');
  const fitting = consumes.filter((type) => formTypes.includes(type) && !(hasFile && type === formTypes[0]));
  return fitting.length > 0 ? fitting : [hasFile ? 'multipart/form-data' : 'application/x-www-form-urlencoded'];
}

function textsOf(value: unknown): string[] | undefined {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : undefined;
}
