import { describeError, McpOnceError } from '../core/errors.ts';
import { defined } from '../core/json.ts';
import { nearest, sentence } from '../core/suggest.ts';
import { chooseOperations, matchesOperation } from './document/choose.ts';
import { toolNames } from './document/names.ts';
import type { ApiDocument, OperationHead } from './document/types.ts';
import type { OperationOverride } from './policy/extensions.ts';
import { documentOverride, mergeOverrides } from './policy/extensions.ts';
import type { OpenApiSource } from './source.ts';

/** The operations of a document that become tools. */
export interface SelectedOperations {
  /** The tools' names, in the order of the document. A name does not depend on which other operations are served. */
  readonly names: Names;
  /** The faults of single operations. */
  readonly problems: readonly string[];
  /** Returns the configuration of an operation. */
  overrideOf(head: OperationHead): OperationOverride | undefined;
}

type Names = ReadonlyMap<OperationHead, string>;

/** The names in the document's `x-mcp-once` members, and the faults of these members. */
interface DocumentNames {
  readonly names: Names;
  readonly faults: ReadonlyMap<OperationHead, string>;
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
  const { heads } = document;
  const documentNames = readDocumentNames(heads);
  const options = defined({ prefix: source.prefix });
  const defaultNames = toolNames(heads, { ...options, names: documentNames.names });
  const defaultNameOf = (head: OperationHead): string[] => [defaultNames.get(head) ?? ''];
  const overrideOf = createOverrideLookup(source.operations, defaultNameOf);
  const givenNames = withConfiguredNames(heads, documentNames.names, overrideOf);
  const isUnchanged = hasSameEntries(givenNames, documentNames.names);
  const names = isUnchanged ? defaultNames : toolNames(heads, { ...options, names: givenNames });
  const namesOf = (head: OperationHead): string[] => [...defaultNameOf(head), names.get(head) ?? ''];
  const { chosen, unmatched } = chooseOperations(heads, source, namesOf);
  const unmatchedRules = Object.keys(source.operations).filter(
    (pattern) => !heads.some((head) => matchesOperation(head, pattern, defaultNameOf(head))),
  );
  reportUnmatched({ ...unmatched, operations: unmatchedRules }, document, names, warn);
  const { enabled, problems } = filterEnabled(chosen, documentNames, overrideOf);
  const served = new Map(enabled.map((head) => [head, names.get(head) ?? '']));
  return { names: served, problems: [...problems, ...describeSharedIds(served)], overrideOf };
}

function withConfiguredNames(
  heads: readonly OperationHead[],
  names: Names,
  overrideOf: SelectedOperations['overrideOf'],
): Names {
  const given = new Map(names);
  for (const head of heads) {
    const name = overrideOf(head)?.name;
    if (name !== undefined) given.set(head, name);
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
  heads: readonly OperationHead[],
  { faults }: DocumentNames,
  overrideOf: SelectedOperations['overrideOf'],
): { readonly enabled: readonly OperationHead[]; readonly problems: readonly string[] } {
  const problems: string[] = [];
  const enabled = heads.filter((head) => {
    const fault = faults.get(head);
    if (fault !== undefined && overrideOf(head)?.enabled !== false) problems.push(fault);
    return fault === undefined && mergeOverrides(documentOverride(head), overrideOf(head)).enabled !== false;
  });
  return { enabled, problems };
}

/** Merges the rules whose patterns match an operation. For each member the last rule wins. */
function createOverrideLookup(
  operations: OpenApiSource['operations'],
  namesOf: (head: OperationHead) => readonly string[],
): SelectedOperations['overrideOf'] {
  const rules = Object.entries(operations);
  const known = new Map<OperationHead, OperationOverride | undefined>();
  return (head) => {
    if (known.has(head)) return known.get(head);
    const matching = rules.filter(([pattern]) => matchesOperation(head, pattern, namesOf(head)));
    const merged =
      matching.length === 0
        ? undefined
        : matching.reduce((all, [, each]) => mergeOverrides(all, each), {} as OperationOverride);
    known.set(head, merged);
    return merged;
  };
}

/** Reads the names in `x-mcp-once`. If several operations have the same name, only the first gets it. */
function readDocumentNames(heads: readonly OperationHead[]): DocumentNames {
  const names = new Map<OperationHead, string>();
  const faults = new Map<OperationHead, string>();
  const taken = new Set<string>();
  for (const head of heads) {
    try {
      const { name } = documentOverride(head);
      if (name === undefined || taken.has(name)) continue;
      taken.add(name);
      names.set(head, name);
    } catch (error) {
      faults.set(head, `${sentence(describeError(error))} It is not served.`);
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

function unknownPattern(where: string, pattern: string, { heads, source }: ApiDocument, names: Names): McpOnceError {
  const tags = [...new Set(heads.flatMap((head) => head.tags))];
  const known = heads.flatMap((head) => {
    const { operationId, method, path } = head;
    return [...(operationId === undefined ? [] : [operationId]), `${method} ${path}`, names.get(head) ?? ''];
  });
  const paths = pattern.startsWith('/') ? heads.map(({ path }) => path) : [];
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
  return one.size === other.size && [...one].every(([head, name]) => other.get(head) === name);
}
