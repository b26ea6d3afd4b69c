import { arrayOf, isObject, type JsonObject, objectOf } from '../../core/json.ts';
import type { RawOperation } from './collect-operations.ts';
import { DocumentFault } from './document-fault.ts';
import type { References, Resource } from './references.ts';
import type { OperationFacts } from './types.ts';

const keyName = /idempoten(?:cy|t|ce)?[-_]?(?:key|id|token)|^paypal-request-id$|^repeatability-request-id$/i;
const pageName =
  /^(?:cursor|(?:page|next|start)_?(?:token|cursor)|page(?:_?size)?|offset|per_?page|after_?id|starting_after)$/i;
/** How deep `allOf` and references are followed. */
const depthMax = 4;

const none: OperationFacts = { declaresKey: false, answersCreated: false, takesPage: false };

/** Reads the declarations that tell an operation's effect. A fault in the document hides them, and costs nothing else. */
export function factsOf(references: References, raw: RawOperation | undefined): OperationFacts {
  if (raw === undefined) return none;
  const { operation, pathItem, resource, pathResource } = raw;
  const find = createFind(references);
  const parameters = [
    ...arrayOf(pathItem.parameters).map((each) => find(each, pathResource).value),
    ...arrayOf(operation.parameters).map((each) => find(each, resource).value),
  ];
  const properties = bodyProperties(find, operation.requestBody, resource);
  const isNamed = (pattern: RegExp, places: readonly string[]): boolean => {
    const ofParameter = parameters.some(
      ({ in: place, name }) => places.includes(String(place)) && pattern.test(String(name)),
    );
    return ofParameter || properties.some((name) => pattern.test(name));
  };
  return {
    declaresKey: isNamed(keyName, ['header', 'query']),
    answersCreated: Object.hasOwn(objectOf(operation.responses), '201'),
    takesPage: isNamed(pageName, ['query']),
  };
}

type Find = (value: unknown, from: Resource) => { readonly value: JsonObject; readonly resource: Resource };

function createFind(references: References): Find {
  return (value, from) => {
    const reference = isObject(value) ? value.$ref : undefined;
    if (typeof reference !== 'string') return { value: objectOf(value), resource: from };
    try {
      const found = references.follow(reference, from);
      return { value: objectOf(found.value), resource: found.resource };
    } catch (error) {
      if (!(error instanceof DocumentFault)) throw error;
      return { value: {}, resource: from };
    }
  };
}

/** Returns the names of the body's own properties. */
function bodyProperties(find: Find, body: unknown, from: Resource): readonly string[] {
  const found = find(body, from);
  const content = Object.entries(objectOf(found.value.content));
  const [, media] = content.find(([type]) => /json/i.test(type)) ?? content[0] ?? [];
  const namesOf = (schema: unknown, resource: Resource, depth: number): readonly string[] => {
    if (depth === 0) return [];
    const { value, resource: at } = find(schema, resource);
    const inherited = arrayOf(value.allOf).flatMap((each) => namesOf(each, at, depth - 1));
    return [...Object.keys(objectOf(value.properties)), ...inherited];
  };
  const chosen = find(media, found.resource);
  return namesOf(chosen.value.schema, chosen.resource, depthMax);
}
