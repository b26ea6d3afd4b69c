import { invalidParameter } from './api-error.ts';

/** What may be searched of a kind: Stripe's field name, and where the record has it. */
export type SearchFields = Readonly<Record<string, { path: string; type: 'text' | 'number' }>>;

/** A condition on `objects.body`. */
export interface SearchCondition {
  sql: string;
  values: (string | number)[];
}

interface Clause {
  negated: boolean;
  field: string;
  metadataKey: string | undefined;
  operator: string;
  value: string | number | null;
}

const clauseMax = 10;
const clausePattern =
  /\s*(-?)\s*([a-z_]+)(?:\[(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')\])?\s*(:|~|>=|<=|>|<)\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(null)|(-?\d{1,15}))/y;

/**
 * Reads Stripe's search query language (https://docs.stripe.com/search): up to ten clauses joined by
 * AND or by OR, not both; `:` is equality without regard to case, `~` a substring of three or more
 * characters, `-` negates.
 * @throws ApiError when the query cannot be read or names a field that cannot be searched.
 */
export function parseSearch(query: string, fields: SearchFields): SearchCondition {
  const conditions: SearchCondition[] = [];
  let joint: string | undefined;
  let position = 0;
  while (true) {
    const { clause, end } = readClause(query, position);
    conditions.push(conditionOf(clause, fields));
    if (conditions.length > clauseMax) throw unreadable(`A query takes at most ${clauseMax} clauses.`);
    const rest = /\s*(AND\b|OR\b|$)?\s*/iy;
    rest.lastIndex = end;
    const word = rest.exec(query)?.[1]?.toUpperCase();
    if (end >= query.trimEnd().length) break;
    // Two clauses side by side mean AND.
    const next = word === undefined || word === '' ? 'AND' : word;
    if (joint !== undefined && joint !== next) throw unreadable('A query cannot combine AND and OR.');
    joint = next;
    position = word === undefined || word === '' ? end : rest.lastIndex;
  }
  return {
    sql: conditions.map((condition) => condition.sql).join(` ${joint ?? 'AND'} `),
    values: conditions.flatMap((condition) => condition.values),
  };
}

function readClause(query: string, position: number): { clause: Clause; end: number } {
  const pattern = new RegExp(clausePattern.source, clausePattern.flags);
  pattern.lastIndex = position;
  const match = pattern.exec(query);
  if (match === null) {
    throw unreadable(`We were unable to parse your search query near character ${position + 1}.`);
  }
  const [, minus, field = '', keyDouble, keySingle, operator = ':', double, single, nothing, digits] = match;
  const quoted = double ?? single;
  return {
    end: pattern.lastIndex,
    clause: {
      negated: minus === '-',
      field,
      metadataKey: unquoted(keyDouble ?? keySingle),
      operator,
      value: nothing === 'null' ? null : quoted === undefined ? Number(digits) : (unquoted(quoted) ?? ''),
    },
  };
}

function conditionOf(clause: Clause, fields: SearchFields): SearchCondition {
  const condition = clause.field === 'metadata' ? onMetadata(clause) : onField(clause, fields);
  return clause.negated ? { sql: `NOT (${condition.sql})`, values: condition.values } : condition;
}

function onMetadata(clause: Clause): SearchCondition {
  const key = clause.metadataKey;
  if (key === undefined) throw unreadable("Search metadata by key: metadata['key']:'value'.");
  const entry = "SELECT 1 FROM json_each(body, '$.metadata') WHERE key = ?";
  if (clause.operator !== ':') throw unreadable('Metadata can only be searched with the : operator.');
  if (clause.value === null) return { sql: `NOT EXISTS (${entry})`, values: [key] };
  return { sql: `EXISTS (${entry} AND lower(value) = lower(?))`, values: [key, String(clause.value)] };
}

function onField(clause: Clause, fields: SearchFields): SearchCondition {
  const field = Object.hasOwn(fields, clause.field) ? fields[clause.field] : undefined;
  if (field === undefined || clause.metadataKey !== undefined) {
    throw unreadable(`Field \`${clause.field}\` is an unsupported search field for this resource.`);
  }
  const stored = `json_extract(body, '$.${field.path}')`;
  if (clause.value === null) return { sql: `${stored} IS NULL`, values: [] };
  if (field.type === 'number') {
    const number = Number(clause.value);
    if (clause.operator === '~' || !Number.isFinite(number))
      throw unreadable(`Field \`${clause.field}\` takes numbers.`);
    return { sql: `ifnull(${stored} ${clause.operator === ':' ? '=' : clause.operator} ?, 0)`, values: [number] };
  }
  const wanted = String(clause.value);
  if (clause.operator === ':') return { sql: `ifnull(lower(${stored}) = lower(?), 0)`, values: [wanted] };
  if (clause.operator !== '~') throw unreadable(`Field \`${clause.field}\` takes the operators : and ~.`);
  if (wanted.length < 3) throw unreadable('A substring search needs at least three characters.');
  return { sql: `ifnull(instr(lower(${stored}), lower(?)) > 0, 0)`, values: [wanted] };
}

function unquoted(text: string | undefined): string | undefined {
  return text?.replace(/\\(.)/g, '$1');
}

function unreadable(message: string) {
  return invalidParameter(message, 'query');
}
