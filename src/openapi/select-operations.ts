import { describeError, McpOnceError } from '../core/errors.ts';
import { defined } from '../core/json.ts';
import { nearest, sentence } from '../core/suggest.ts';
import { chooseOperations, matchesOperation } from './document/operation-patterns.ts';
import { toolNames } from './document/tool-names.ts';
import type { ApiDocument, ListedOperation } from './document/types.ts';
import type { OperationOverride } from './policy/overrides.ts';
import { documentOverride, mergeOverrides } from './policy/overrides.ts';
import type { OpenApiSource } from './source.ts';

/** The operations of a document that become tools. */
export interface SelectedOperations {
  /** The tools' names, in the order of the document. A name does not depend on which other operations are served. */
  readonly names: Names;
  /** The faults of single operations. */
  readonly problems: readonly string[];
  /** Returns the configuration of an operation. */
  overrideOf(listed: ListedOperation): OperationOverride | undefined;
}

type Names = ReadonlyMap<ListedOperation, string>;

/** The names in the document's `x-mcp-once` members, and the faults of these members. */
interface DocumentNames {
  readonly names: Names;
  readonly faults: ReadonlyMap<ListedOperation, string>;
}

/** How many tool names to show for one operationId that several operations share. */
const namesShownMax = 5;

/**
 * Selects the operations to serve, and names their tools.
 * @param warn reports patterns with `*` that match nothing
 * @throws McpOnceError `configuration_invalid` for any other pattern that matches nothing. Otherwise a misspelt `exclude`
 *   would serve the operation.
 */
export function selectOperations(
  source: OpenApiSource,
  document: ApiDocument,
  warn: (message: string) => void,
): SelectedOperations {
  const { listedOperations } = document;
  const documentNames = readDocumentNames(listedOperations);
  const options = defined({ prefix: source.prefix });
  const defaultNames = toolNames(listedOperations, { ...options, names: documentNames.names });
  const defaultNameOf = (listed: ListedOperation): string[] => [defaultNames.get(listed) ?? ''];
  const overrideOf = createOverrideLookup(source.operations, defaultNameOf);
  const givenNames = withConfiguredNames(listedOperations, documentNames.names, overrideOf);
  const isUnchanged = hasSameEntries(givenNames, documentNames.names);
  const names = isUnchanged ? defaultNames : toolNames(listedOperations, { ...options, names: givenNames });
  const namesOf = (listed: ListedOperation): string[] => [...defaultNameOf(listed), names.get(listed) ?? ''];
  const { chosen, unmatched } = chooseOperations(listedOperations, source, namesOf);
  const unmatchedRules = Object.keys(source.operations).filter(
    (pattern) => !listedOperations.some((listed) => matchesOperation(listed, pattern, defaultNameOf(listed))),
  );
  reportUnmatched({ ...unmatched, operations: unmatchedRules }, document, names, warn);
  const { enabled, problems } = filterEnabled(chosen, documentNames, overrideOf);
  const served = new Map(enabled.map((listed) => [listed, names.get(listed) ?? '']));
  return { names: served, problems: [...problems, ...describeSharedIds(served)], overrideOf };
}

function withConfiguredNames(
  listedOperations: readonly ListedOperation[],
  names: Names,
  overrideOf: SelectedOperations['overrideOf'],
): Names {
  const given = new Map(names);
  for (const listed of listedOperations) {
    const name = overrideOf(listed)?.name;
    if (name !== undefined) given.set(listed, name);
  }
  return given;
}

function reportUnmatched(
  unmatched: Readonly<Record<'include' | 'exclude' | 'operations', readonly string[]>>,
  document: ApiDocument,
  names: Names,
  warn: (message: string) => void,
): void {
  const patterns = [
    ...unmatched.include.map((pattern) => ({ where: 'include (--include)', pattern })),
    ...unmatched.exclude.map((pattern) => ({ where: 'exclude (--exclude)', pattern })),
    ...unmatched.operations.map((pattern) => ({ where: 'operations', pattern })),
  ];
  for (const { where, pattern } of patterns) {
    if (!pattern.includes('*')) throw unknownPattern(where, pattern, document, names);
    warn(`${where}: nothing matches ${JSON.stringify(pattern)}`);
  }
}

/** Drops operations that are disabled or have an invalid `x-mcp-once`. */
function filterEnabled(
  listedOperations: readonly ListedOperation[],
  { faults }: DocumentNames,
  overrideOf: SelectedOperations['overrideOf'],
): { readonly enabled: readonly ListedOperation[]; readonly problems: readonly string[] } {
  const problems: string[] = [];
  const enabled = listedOperations.filter((listed) => {
    const fault = faults.get(listed);
    if (fault !== undefined && overrideOf(listed)?.enabled !== false) problems.push(fault);
    return fault === undefined && mergeOverrides(documentOverride(listed), overrideOf(listed)).enabled !== false;
  });
  return { enabled, problems };
}

/** Merges the rules whose patterns match an operation. For each member the last rule wins. */
function createOverrideLookup(
  operations: OpenApiSource['operations'],
  namesOf: (listed: ListedOperation) => readonly string[],
): SelectedOperations['overrideOf'] {
  const rules = Object.entries(operations);
  const known = new Map<ListedOperation, OperationOverride | undefined>();
  return (listed) => {
    if (known.has(listed)) return known.get(listed);
    const matching = rules.filter(([pattern]) => matchesOperation(listed, pattern, namesOf(listed)));
    const merged =
      matching.length === 0
        ? undefined
        : matching.reduce((all, [, each]) => mergeOverrides(all, each), {} as OperationOverride);
    known.set(listed, merged);
    return merged;
  };
}

/** Reads the names in `x-mcp-once`. If several operations have the same name, only the first gets it. */
function readDocumentNames(listedOperations: readonly ListedOperation[]): DocumentNames {
  const names = new Map<ListedOperation, string>();
  const faults = new Map<ListedOperation, string>();
  const taken = new Set<string>();
  for (const listed of listedOperations) {
    try {
      const { name } = documentOverride(listed);
      if (name === undefined || taken.has(name)) continue;
      taken.add(name);
      names.set(listed, name);
    } catch (error) {
      faults.set(listed, `${sentence(describeError(error))} It is not served.`);
    }
  }
  return { names, faults };
}

/** Reports the tools' names of operations that share an operationId, because they do not follow from it. */
function describeSharedIds(names: Names): string[] {
  const byId = new Map<string, string[]>();
  for (const [{ operationId }, name] of names) {
    if (operationId !== undefined) byId.set(operationId, [...(byId.get(operationId) ?? []), name]);
  }
  return [...byId].flatMap(([id, each]) => {
    if (each.length < 2) return [];
    const more = each.length > namesShownMax ? ', ...' : '';
    const shown = each.slice(0, namesShownMax).join(', ');
    return [
      `${each.length} operations have the operationId ${JSON.stringify(id.slice(0, 100))}: their tools are ${shown}${more}`,
    ];
  });
}

function unknownPattern(
  where: string,
  pattern: string,
  { listedOperations, source }: ApiDocument,
  names: Names,
): McpOnceError {
  const tags = [...new Set(listedOperations.flatMap((listed) => listed.tags))];
  const known = listedOperations.flatMap((listed) => {
    const { operationId, method, path } = listed;
    return [...(operationId === undefined ? [] : [operationId]), `${method} ${path}`, names.get(listed) ?? ''];
  });
  const paths = pattern.startsWith('/') ? listedOperations.map(({ path }) => path) : [];
  const found = nearest(pattern, [...known, ...paths, ...tags.flatMap((tag) => [tag, `tag:${tag}`])]);
  const isTag = found !== undefined && tags.includes(found) && !known.includes(found);
  const meant = isTag ? `tag:${found}` : found;
  const advice =
    meant === undefined
      ? '; use an operationId, "METHOD /path", "tag:NAME", or the name of a tool as --list shows it'
      : `; did you mean ${JSON.stringify(meant)}?`;
  const problem = `there is no operation ${JSON.stringify(pattern.slice(0, 200))}${advice}`;
  return new McpOnceError('configuration_invalid', sentence(`${source}: ${where}: ${problem}`));
}

function hasSameEntries(one: Names, other: Names): boolean {
  return one.size === other.size && [...one].every(([listed, name]) => other.get(listed) === name);
}
