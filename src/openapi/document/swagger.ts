import { appendToPointer, arrayOf, isObject, type JsonObject, nonBlankText, objectOf } from '../../core/json.ts';
import type { DocumentProblem } from './types.ts';

interface PathItem {
  readonly item: JsonObject;
  readonly pointer: string;
  readonly document: JsonObject;
  /** Gets what keeps an operation from being upgraded. */
  readonly problems: DocumentProblem[];
}

const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'];
const formTypes = ['application/x-www-form-urlencoded', 'multipart/form-data'];
/** Of a parameter, what is no part of its schema (Swagger 2.0, Parameter Object). */
const notSchema = new Set(['name', 'in', 'required', 'collectionFormat', 'allowEmptyValue']);

/**
 * Readies one path item of Swagger 2.0 for the upgrader, which forgets items, enums and defaults of form
 * parameters, whether they are required, and shared bodies, and ends where one operation is malformed: bodies and
 * forms become one body parameter of the operation; what is malformed is taken out and told.
 */
export function readySwagger(path: PathItem): JsonObject {
  const shared = readParameters(path, path.item.parameters, `${path.pointer}/parameters`);
  const ready: Record<string, unknown> = { ...path.item };
  delete ready.parameters;
  if (shared === undefined)
    return Object.fromEntries(Object.entries(ready).filter(([name]) => !methods.includes(name)));
  for (const method of methods) {
    if (!Object.hasOwn(path.item, method)) continue;
    delete ready[method];
    const operation = readyOperation(path, path.item[method], appendToPointer(path.pointer, method), shared);
    if (operation) ready[method] = operation;
  }
  return ready;
}

function readyOperation(
  path: PathItem,
  operation: unknown,
  pointer: string,
  shared: readonly JsonObject[],
): JsonObject | undefined {
  const refuse = (reason: string): undefined => void path.problems.push({ where: pointer, reason });
  if (!isObject(operation)) return refuse('it is no object');
  const own = readParameters(path, operation.parameters, `${pointer}/parameters`);
  if (own === undefined) return undefined;
  for (const response of Object.values(objectOf(operation.responses))) {
    if (!isObject(response)) return refuse('one of its responses is no object');
  }
  const parameters = [...shared.filter((one) => !own.some((other) => isSame(one, other))), ...own];
  const isBody = (each: JsonObject) => each.in === 'body' || each.in === 'formData';
  const form = parameters.filter((each) => each.in === 'formData');
  const body = parameters.find((each) => each.in === 'body') ?? (form.length > 0 ? formBody(form) : undefined);
  const consumes = textsOf(operation.consumes) ?? textsOf(path.document.consumes) ?? ['application/json'];
  return {
    ...operation,
    responses: objectOf(operation.responses),
    produces: textsOf(operation.produces) ?? textsOf(path.document.produces) ?? ['application/json'],
    consumes: form.length > 0 ? formConsumes(form, consumes) : consumes,
    parameters: [...parameters.filter((each) => !isBody(each)), ...(body ? [body] : [])],
  };
}

/** Undefined where one of them is malformed, which is told. */
function readParameters(path: PathItem, value: unknown, pointer: string): readonly JsonObject[] | undefined {
  if (value !== undefined && !Array.isArray(value)) {
    path.problems.push({ where: pointer, reason: 'it is no array' });
    return undefined;
  }
  const parameters: JsonObject[] = [];
  for (const [index, each] of arrayOf(value).entries()) {
    const name = /^#\/parameters\/([^/]+)$/.exec(String(objectOf(each).$ref))?.[1]?.replaceAll('~1', '/');
    const found = name === undefined ? each : objectOf(path.document.parameters)[name.replaceAll('~0', '~')];
    const isKnown = isObject(found) && (typeof found.$ref === 'string' || nonBlankText(found.in) !== undefined);
    if (!isKnown) {
      path.problems.push({ where: `${pointer}/${index}`, reason: 'it is no parameter: it has no "in"' });
      return undefined;
    }
    parameters.push({ ...found });
  }
  return parameters;
}

function isSame(one: JsonObject, other: JsonObject): boolean {
  const isBodyBoth = one.in === 'body' && other.in === 'body';
  return isBodyBoth || (one.in === other.in && one.name === other.name && one.name !== undefined);
}

function formBody(form: readonly JsonObject[]): JsonObject {
  const properties = form.map((each) => [
    String(each.name),
    Object.fromEntries(Object.entries(each).filter(([keyword]) => !notSchema.has(keyword))),
  ]);
  const required = form.filter((each) => each.required === true).map((each) => String(each.name));
  // `multi` is what OpenAPI 3 calls form, exploded; all others stand for one text.
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
