import { describe, expect, test } from 'vitest';
import { guessAct, guessByName, soundsLikeMoney } from '../../../src/core/tool/class-words.ts';
import { namedTools } from './named-tools.ts';

const judged = Object.entries(namedTools).flatMap(([half, acts]) =>
  Object.entries(acts).flatMap(([act, names]) =>
    names
      .trim()
      .split(/\s+/)
      .filter((name) => name !== '')
      .map((name) => ({ half, name, act, guessed: guessByName(name).act })),
  ),
);

describe('the guess by name', () => {
  test.each(['before', 'after'])('is right for 95 % of the names judged %s the rules', (half) => {
    const all = judged.filter((each) => each.half === half);
    const wrong = all.filter(({ act, guessed }) => act !== guessed);
    const shown = wrong.map(({ name, act, guessed }) => `${name}: ${act}, guessed ${guessed}`);
    expect(shown.length, shown.join('\n')).toBeLessThanOrEqual(all.length * 0.05);
  });

  test('takes no write for a read', () => {
    expect(judged.filter(({ act, guessed }) => act !== 'read' && guessed === 'read')).toEqual([]);
  });

  test('knows at least 300 judged names, each once', () => {
    expect(judged.length).toBeGreaterThanOrEqual(300);
    expect(new Set(judged.map(({ name }) => name)).size).toBe(judged.length);
  });
});

test('the guess by name takes the object of a verb into account', () => {
  const names: Record<string, string> = {
    'API-post-search': 'read',
    'API-post-page': 'create',
    'API-delete-a-block': 'delete',
    'resolve-library-id': 'read',
    resolve_issue: 'state',
    resolve_conflict_path: 'state',
    poll_job_status: 'read',
    create_poll: 'create',
    attach_file_to_card: 'create',
    attach_policy: 'state',
    draft_email: 'create',
    mark_draft: 'state',
    publish_message: 'create',
    publish_page: 'state',
    reschedule_meeting: 'state',
    HassBroadcast: 'create',
    alpaca_place_market_order: 'create',
    place_pin: 'state',
    transcribe_and_email: 'create',
    extract_archive: 'state',
  };
  const guessed = Object.keys(names).map((name) => [name, guessByName(name).act]);
  expect(Object.fromEntries(guessed)).toEqual(names);
});

describe('the guess by description and schema', () => {
  const tool = (name: string, description?: string, properties: object = {}) =>
    guessAct({ name, description, inputSchema: { type: 'object', properties } }).act;

  test('lets a tool with an unclear name pass if its description says that it reads', () => {
    expect(tool('check_item')).toBe('state');
    expect(tool('check_item', 'Returns whether an item is in stock.')).toBe('read');
    expect(tool('check_item', 'Returns an item and marks it as checked.')).toBe('state');
    expect(tool('inventory', 'Lists the items of a shop')).toBe('read');
    expect(tool('inventory', 'Lists the items of a shop', { action: {} })).toBe('state');
    expect(tool('map_site', 'Discovers the pages of a site')).toBe('read');
    expect(tool('extract_archive', 'Extracts the files of an archive')).toBe('state');
    expect(tool('check_room', 'Checks out of a room')).toBe('state');
    expect(tool('http_request', 'Returns the answer of a server')).toBe('state');
  });

  test('guards a tool with the name of a read whose schema or description says that it may write', () => {
    expect(tool('fetch', 'Fetches a page', { url: {} })).toBe('read');
    expect(tool('fetch', 'Fetches a page', { url: {}, method: {} })).toBe('state');
    expect(tool('query_users', 'Queries users', { sql: {} })).toBe('state');
    expect(tool('get_session', 'Creates a session')).toBe('create');
  });

  test('takes the class of an unknown name from its description', () => {
    expect(tool('frobnicate', 'Creates a gadget')).toBe('create');
    expect(tool('frobnicate', 'Deletes a gadget')).toBe('delete');
    expect(tool('frobnicate', 'A gadget')).toBe('state');
  });
});

test('soundsLikeMoney ignores words in another sense, and reads', () => {
  const names =
    'pay charge_card refund payout transfer_money send_money add_funds invoice_finalize submit_order createTransfer'.split(
      ' ',
    );
  const others =
    'order_status transfer_issue git_checkout list_payments set_sort_order update_issue check_invoice'.split(' ');
  expect(names.filter((name) => !soundsLikeMoney(name))).toEqual([]);
  expect(others.filter((name) => soundsLikeMoney(name))).toEqual([]);
  expect(soundsLikeMoney('update_issue', 'Sets a flag in order to close it')).toBe(false);
});

test.each([
  ['subscribe', 'Subscribe to a Redis channel.', false],
  ['linear_subscribeToIssue', 'Subscribe to issue updates', false],
  ['subscribe', 'Subscribe a customer to a plan.', true],
])('%s (%s) moves money: %s', (name, description, moves) => {
  expect(soundsLikeMoney(name, description)).toBe(moves);
});
