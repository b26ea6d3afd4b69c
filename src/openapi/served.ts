import { describeError, McpOnceError } from '../core/errors.ts';
import { nearest, sentence } from '../core/suggest.ts';
import { chooseOperations, matchesOperation } from './document/choose.ts';
import { toolNames } from './document/names.ts';
import type { ApiDocument, OperationHead } from './document/types.ts';
import { documentOverride, mergeOverrides, type OperationOverride } from './policy/extensions.ts';
import type { OpenApiSource } from './source.ts';

/** Which operations of a document become tools. */
export interface Served {
  /** In the order of the document. The same whatever else is served. */
  readonly names: ReadonlyMap<OperationHead, string>;
  /** What is wrong with single operations. */
  readonly problems: readonly string[];
  /** What the configuration says of an operation. */
  overrideOf(head: OperationHead): OperationOverride | undefined;
}

type Names = ReadonlyMap<OperationHead, string>;

/** Names that are told of one operationId that several operations have. */
const namesToldMax = 5;

/**
 * Chooses the operations that are served, and names their tools.
 * @param tell told of patterns with `*` that match nothing.
 * @throws McpOnceError `configuration_invalid` for any other pattern that matches nothing: misspelt, it would else be
 * passed over without a word, and what it was to keep away be served.
 */
export function serveOperations(source: OpenApiSource, document: ApiDocument, tell: (message: string) => void): Served {
  const { heads } = document;
  const { include, exclude, operations } = source;
  const prefix = source.prefix === undefined ? {} : { prefix: source.prefix };
  const said = saidByDocument(heads);
  const own = toolNames(heads, { ...prefix, names: said.names });
  const overrideOf = overridesOf(operations, (head) => [own.get(head) ?? '']);
  const given = new Map(said.names);
  for (const head of heads) {
    const name = overrideOf(head)?.name;
    if (name !== undefined) given.set(head, name);
  }
  const names =
    given.size === said.names.size && same(given, said.names) ? own : toolNames(heads, { ...prefix, names: given });
  const namesOf = (head: OperationHead): string[] => [own.get(head) ?? '', names.get(head) ?? ''];
  const { chosen, unmatched } = chooseOperations(heads, { include, exclude }, namesOf);
  const notThere = Object.keys(operations).filter(
    (pattern) => !heads.some((head) => matchesOperation(head, pattern, [own.get(head) ?? ''])),
  );
  const patterns = [
    ...unmatched.include.map((pattern) => ({ where: 'include (--include)', pattern })),
    ...unmatched.exclude.map((pattern) => ({ where: 'exclude (--exclude)', pattern })),
    ...notThere.map((pattern) => ({ where: 'operations', pattern })),
  ];
  for (const { where, pattern } of patterns) {
    if (!pattern.includes('*')) throw unknownPattern(where, pattern, document, names);
    tell(`${where}: nothing matches ${JSON.stringify(pattern)}`);
  }
  const problems: string[] = [];
  const served = chosen.filter((head) => {
    const fault = said.faults.get(head);
    if (fault !== undefined && !(overrideOf(head)?.enabled === false)) problems.push(fault);
    return fault === undefined && mergeOverrides(documentOverride(head), overrideOf(head)).enabled !== false;
  });
  const result = new Map(served.map((head) => [head, names.get(head) ?? '']));
  return { names: result, problems: [...problems, ...sharedIds(result)], overrideOf };
}

/** What the configuration says of an operation: of all patterns that match, member by member the last. */
function overridesOf(
  operations: OpenApiSource['operations'],
  namesOf: (head: OperationHead) => readonly string[],
): Served['overrideOf'] {
  const rules = Object.entries(operations);
  const known = new Map<OperationHead, OperationOverride | undefined>();
  return (head) => {
    if (known.has(head)) return known.get(head);
    const said = rules.filter(([pattern]) => matchesOperation(head, pattern, namesOf(head)));
    const merged =
      said.length === 0
        ? undefined
        : said.reduce((all, [, each]) => mergeOverrides(all, each), {} as OperationOverride);
    known.set(head, merged);
    return merged;
  };
}

/** Names that `x-mcp-once` gives, each once, and where it is not as it has to be. */
function saidByDocument(heads: readonly OperationHead[]): { names: Names; faults: Names } {
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

/** An operationId that several operations have names none of them: their tools have other names, which are told. */
function sharedIds(names: Names): string[] {
  const byId = new Map<string, string[]>();
  for (const [{ operationId }, name] of names) {
    if (operationId !== undefined) byId.set(operationId, [...(byId.get(operationId) ?? []), name]);
  }
  return [...byId].flatMap(([id, each]) => {
    if (each.length < 2) return [];
    const more = each.length > namesToldMax ? ', ...' : '';
    const told = each.slice(0, namesToldMax).join(', ');
    return [
      `${each.length} operations have the operationId ${JSON.stringify(id.slice(0, 100))}: their tools are ${told}${more}`,
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
      ? '; give an operationId, "METHOD /path", "tag:NAME", or the name of a tool as --list shows it'
      : `; did you mean ${JSON.stringify(meant)}?`;
  const what = `there is no operation ${JSON.stringify(pattern.slice(0, 200))}${advice}`;
  return new McpOnceError('configuration_invalid', sentence(`${source}: ${where}: ${what}`));
}

function same(one: Names, other: Names): boolean {
  return [...one].every(([head, name]) => other.get(head) === name);
}
