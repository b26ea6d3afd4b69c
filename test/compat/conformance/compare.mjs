// Compares two runs of the conformance suite, check by check and response by response.
import { isDeepStrictEqual } from 'node:util';

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const origin = /127\.0\.0\.1:\d+/g;
/** The ids of requests that the proxy sends for itself. */
const ownId = /^mcp-once[:-]/;

/**
 * @param direct, through the results of `runSuite`
 * @param {boolean} isGuarded whether to expect the documented changes for guarded tools. mcp-once adds the outcome's
 *   marker and `repeat_token`, sends a call under another id, and sends `{}` for missing arguments.
 * @returns {{ rows: object[], differences: string[], additions: number }} a row for each check; `additions` counts the
 *   additions of mcp-once that were removed before the comparison
 */
export function compare(direct, through, isGuarded) {
  const taken = { additions: 0 };
  const bare = (value) => (isGuarded ? withoutOurs(value, taken) : value);
  const asSent = isGuarded ? asCalled : (message) => message;
  const differences = [];
  const differ = (where, one, other) => {
    if (!isDeepStrictEqual(one, other)) differences.push(`${where}: ${firstDifference(one, other)}`);
  };
  const rows = [...new Set([...direct.checks.keys(), ...through.checks.keys()])].map((name) => {
    const one = normal(direct.checks.get(name));
    const other = normal(bare(through.checks.get(name)));
    differ(`check ${name}`, one, other);
    const statuses = [one?.status ?? 'MISSING', other?.status ?? 'MISSING'];
    return { name, direct: statuses[0], through: statuses[1], isSame: isDeepStrictEqual(one, other) };
  });
  differ('number of sessions', direct.sessions.length, through.sessions.length);
  for (const [index, said] of direct.sessions.entries()) {
    const other = inOrder(normal(bare(through.sessions[index] ?? [])));
    differ(`messages in session ${index + 1}`, inOrder(normal(said)), other);
  }
  differ('number of server processes', direct.heard.length, through.heard.length);
  for (const [index, heard] of direct.heard.entries()) {
    differ(
      `messages received by server ${index + 1}`,
      asHeard(heard, asSent),
      asHeard(through.heard[index] ?? [], asSent),
    );
  }
  return { rows, differences, additions: taken.additions };
}

/** Removes times, ports and random ids, and parses JSON within the data of an event. */
function normal(value, key = '') {
  if (typeof value === 'string') {
    if (key === 'data' && value.startsWith('{')) return normal(JSON.parse(value));
    return value.replace(uuid, '<uuid>').replace(origin, '<host>');
  }
  if (Array.isArray(value)) return value.map((each) => normal(each));
  if (value === null || typeof value !== 'object') return value;
  const kept = Object.entries(value).filter(([name]) => name !== 'timestamp' && name !== 'date');
  return Object.fromEntries(kept.map(([name, each]) => [name, normal(each, name)]));
}

/** Removes the documented additions of mcp-once to the tool list and to the results of guarded tools. */
function withoutOurs(value, taken, key = '') {
  if (typeof value === 'string' && key === 'data' && value.startsWith('{')) {
    return JSON.stringify(withoutOurs(JSON.parse(value), taken));
  }
  if (Array.isArray(value)) return value.map((each) => withoutOurs(each, taken));
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).flatMap(([name, each]) => {
    const isOurs = name === 'mcp-once/outcome' || (name === 'repeat_token' && each?.type === 'string');
    if (isOurs) taken.additions += 1;
    if (isOurs || (name === '_meta' && isOnlyOurs(each, taken))) return [];
    return [[name, withoutOurs(each, taken, name)]];
  });
  return Object.fromEntries(entries);
}

/** Removes a `_meta` that has only our marker, because the server sent none. */
function isOnlyOurs(meta, taken) {
  if (!isDeepStrictEqual(Object.keys(meta ?? {}), ['mcp-once/outcome'])) return false;
  taken.additions += 1;
  return true;
}

/**
 * Returns the messages of a server in their order, each with the request that was in flight. Responses are sorted by id,
 * because concurrent requests may be answered in any order.
 */
function inOrder(said) {
  const idOf = ({ message }) => String(message.id);
  return {
    inOrder: said.filter(({ message }) => 'method' in message),
    answers: said
      .filter(({ message }) => !('method' in message))
      .map(({ message }) => ({ message }))
      .sort((a, b) => idOf(a).localeCompare(idOf(b))),
  };
}

/** Returns the messages that a server received, without the proxy's own requests for the tool list. */
function asHeard(messages, asSent) {
  return messages
    .filter(({ id, method }) => !(method === 'tools/list' && ownId.test(String(id))))
    .map((message) => JSON.stringify(normal(asSent(message))))
    .sort();
}

function asCalled(message) {
  if (message.method !== 'tools/call') return message;
  return { ...message, id: 'any', params: { ...message.params, arguments: message.params.arguments ?? {} } };
}

/** Describes the first difference between two values. */
function firstDifference(one, other, path = '') {
  const isObject = (value) => typeof value === 'object' && value !== null;
  if (isObject(one) && isObject(other)) {
    for (const key of new Set([...Object.keys(one), ...Object.keys(other)])) {
      if (!isDeepStrictEqual(one[key], other[key])) return firstDifference(one[key], other[key], `${path}/${key}`);
    }
  }
  return `${path || '/'} is ${shown(one)} directly, ${shown(other)} through the proxy`;
}

function shown(value) {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 300 ? `${text.slice(0, 300)}...` : text;
}
