import { defined, isObject, type JsonObject, nonBlankText, objectOf } from '../../core/json.ts';
import { DocumentFault } from './document-fault.ts';
import { documentText } from './document-text.ts';
import { requestMedia } from './media-types.ts';
import type { References, Resource } from './references.ts';
import { examplesOf } from './schema-keywords.ts';
import { type ConvertedSchema, type SchemaStore, schemaOf } from './schema-store.ts';
import type { ApiParameter, ParameterLocation, SecurityScheme } from './types.ts';

/** What the parameters of one document share while they are resolved. */
export interface ParameterContext {
  readonly references: References;
  readonly store: SchemaStore;
  readonly securitySchemes: Readonly<Record<string, SecurityScheme>>;
  /** Parameters that were read, by their object in the document. Most are shared by many operations. */
  readonly parametersRead: WeakMap<object, ApiParameter>;
}

const locations = new Set<unknown>(['path', 'query', 'querystring', 'header', 'cookie'] satisfies ParameterLocation[]);
const styles: Readonly<Record<ParameterLocation, readonly ApiParameter['style'][]>> = {
  path: ['simple', 'matrix', 'label'],
  header: ['simple'],
  query: ['form', 'spaceDelimited', 'pipeDelimited', 'deepObject'],
  querystring: ['form'],
  cookie: ['form'],
};
/** OpenAPI ignores definitions of these headers (OpenAPI 3.1, 4.8.12.2.1). */
const ignoredHeaders = new Set(['accept', 'content-type', 'authorization']);

/**
 * Reads the parameters of an operation, those of its path item first. The operation's own replace those of the same name
 * and location. It leaves out headers that OpenAPI ignores, parameters that a security scheme fills, and path parameters
 * that the path template does not contain.
 * @throws DocumentFault
 */
export function readParameters(
  context: ParameterContext,
  lists: readonly { readonly list: readonly unknown[]; readonly resource: Resource }[],
  path: string,
): ApiParameter[] {
  const parameters = new Map<string, ApiParameter>();
  for (const { list, resource } of lists) {
    for (const each of list) {
      const parameter = readParameter(context, each, resource);
      parameters.set(`${parameter.in} ${keyOf(parameter)}`, parameter);
    }
  }
  const inTemplate = [...path.matchAll(/\{([^{}]+)\}/g)].map((match) => match[1] ?? '');
  for (const name of inTemplate) {
    if (!parameters.has(`path ${name}`))
      parameters.set(`path ${name}`, undeclaredPathParameter(context.store, name, context.references.main));
  }
  return [...parameters.values()].filter((each) => {
    if (each.in === 'path') return inTemplate.includes(each.name);
    return !isFilled(each, context.securitySchemes);
  });
}

function keyOf({ in: place, name }: ApiParameter): string {
  return place === 'header' ? name.toLowerCase() : name;
}

function isFilled(parameter: ApiParameter, schemes: ParameterContext['securitySchemes']): boolean {
  if (parameter.in === 'header' && ignoredHeaders.has(parameter.name.toLowerCase())) return true;
  return Object.values(schemes).some(
    (scheme) =>
      scheme.type === 'apiKey' &&
      scheme.in === parameter.in &&
      (scheme.in === 'header'
        ? scheme.name.toLowerCase() === parameter.name.toLowerCase()
        : scheme.name === parameter.name),
  );
}

/** Stands for a parameter that a path template contains but nothing declares, as happens in many documents. */
function undeclaredPathParameter(store: SchemaStore, name: string, resource: Resource): ApiParameter {
  return {
    name,
    in: 'path',
    required: true,
    style: 'simple',
    explode: false,
    allowReserved: false,
    allowEmptyValue: false,
    deprecated: false,
    schema: schemaOf(store.convert({ type: 'string' }, resource, 'sent')),
  };
}

function readParameter(context: ParameterContext, value: unknown, from: Resource): ApiParameter {
  const found = context.store.find(value, from);
  const parameter = objectOf(found.value);
  const before = context.parametersRead.get(parameter);
  if (before) return before;
  const read = parameterOf(context, parameter, found.resource);
  context.parametersRead.set(parameter, read);
  return read;
}

function parameterOf(context: ParameterContext, parameter: JsonObject, resource: Resource): ApiParameter {
  const name = nonBlankText(parameter.name);
  const place = parameter.in;
  if (name === undefined) throw new DocumentFault('one of its parameters has no name');
  if (!isLocation(place))
    throw new DocumentFault(`its parameter ${JSON.stringify(name.slice(0, 80))} has an unknown "in"`);
  const declared = styles[place].find((style) => style === parameter.style);
  const style = declared ?? styles[place][0] ?? 'form';
  const resolve = (media: unknown) => context.store.find(media, resource).value;
  const content = isObject(parameter.content) ? requestMedia(parameter.content, resolve) : undefined;
  const schema = content ? content.media.schema : (parameter.schema ?? { type: 'string' });
  const converted = context.store.convert(schema, resource, 'sent');
  return {
    name,
    in: place,
    required: place === 'path' || parameter.required === true,
    ...defined({ description: documentText(parameter.description), contentType: content?.contentType }),
    style,
    explode: typeof parameter.explode === 'boolean' ? parameter.explode : style === 'form',
    allowReserved: parameter.allowReserved === true,
    allowEmptyValue: parameter.allowEmptyValue === true,
    deprecated: parameter.deprecated === true,
    schema: schemaOf(converted, annotationsOf(context, parameter, converted, resource)),
  };
}

function isLocation(value: unknown): value is ParameterLocation {
  return locations.has(value);
}

/** Returns the parameter's own annotations, which replace those of its schema. */
function annotationsOf(
  context: ParameterContext,
  parameter: JsonObject,
  { schema }: ConvertedSchema,
  resource: Resource,
): Readonly<Record<string, unknown>> {
  const description = documentText(parameter.description);
  const named = Object.values(objectOf(parameter.examples)).map(
    (each) => objectOf(context.store.find(each, resource).value).value,
  );
  const examples = examplesOf([parameter.example, ...named]);
  const binaryNote = schema.contentEncoding === 'base64' && documentText(schema.description);
  return defined({
    description: description !== undefined && binaryNote ? `${description} ${binaryNote}` : description,
    deprecated: parameter.deprecated === true ? true : undefined,
    examples,
  });
}
