import { describe, expect, test } from 'vitest';
import { ConversationMemory, SessionMemory } from '../../../src/core/recognition/session.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const upstream = { origin: 'https://api.example.com', mode: 'live', account: 'a' };
const elsewhere = { ...upstream, account: 'b' };
const twinMs = 10_000;

function memoryAt(clock = new ManualClock()) {
  const memory = new ConversationMemory(clock);
  const about = (key: string, more: { generation?: number; callId?: string; turn?: string } = {}) =>
    memory.factsOf({ key, generation: 1, upstream, twinMs, ...more });
  const write = (key: string, changes: { deletes?: boolean; upstream?: typeof upstream } = {}) =>
    memory.noteWrite({ key, upstream, deletes: false, place: memory.begin(), ...changes });
  const deliver = (key: string, turn?: string) => memory.noteDelivered({ key, generation: 1 }, turn);
  return { memory, clock, about, write, deliver };
}

describe('a conversation', () => {
  test('knows an answer as delivered only after it was noted, for that generation', () => {
    const { about, deliver } = memoryAt();
    expect(about('a')).toEqual({ earlier: 'not_delivered', since: 'nothing_yet' });
    deliver('a');
    expect(about('a')).toEqual({ earlier: 'delivered', since: 'nothing_yet' });
    expect(about('a', { generation: 2 }).earlier).toBe('not_delivered');
  });

  test('counts twins from the first delivery, so that polling ends the twin time', async () => {
    const { about, deliver, clock } = memoryAt();
    deliver('a');
    await clock.advance(6_000);
    deliver('a');
    expect(about('a').since).toBe('nothing_yet');
    await clock.advance(4_001);
    expect(about('a').since).toBe('nothing');
  });

  test('knows another write on the same upstream that began after the delivery', () => {
    const { about, deliver, write, memory } = memoryAt();
    const early = memory.begin();
    deliver('a');
    memory.noteWrite({ key: 'parallel', upstream, deletes: false, place: early });
    write('c', { upstream: elsewhere });
    write('a');
    expect(about('a').since).toBe('nothing_yet');
    write('b');
    expect(about('a').since).toBe('write');
    write('a');
    expect(about('a').since).toBe('write');
  });

  test('knows a delete, also after another write', () => {
    const { about, deliver, write } = memoryAt();
    deliver('a');
    write('b', { deletes: true });
    write('c');
    expect(about('a').since).toBe('delete');
    deliver('c');
    expect(about('c').since).toBe('nothing_yet');
  });

  test('takes a call that the host sends again for the same call', () => {
    const { about, deliver, write, memory } = memoryAt();
    memory.noteCall('call-1', 'a');
    deliver('a');
    write('b');
    expect(about('a', { callId: 'call-1' }).earlier).toBe('not_delivered');
    expect(about('a', { callId: 'call-2' })).toEqual({ earlier: 'delivered', since: 'write' });
  });

  test('takes a new turn of the model for a write', () => {
    const { about, deliver } = memoryAt();
    deliver('a', 'turn-1');
    expect(about('a', { turn: 'turn-1' }).since).toBe('nothing_yet');
    expect(about('a', { turn: 'turn-2' }).since).toBe('write');
    expect(about('a').since).toBe('nothing_yet');
  });

  test('forgets the oldest answers beyond its bound', () => {
    const { about, deliver } = memoryAt();
    for (let index = 0; index <= 2_000; index += 1) deliver(`key-${index}`);
    expect([about('key-0').earlier, about('key-1').earlier]).toEqual(['not_delivered', 'delivered']);
  });
});

describe('a session', () => {
  test('keeps its conversations apart, and forgets the one that was used the longest time ago', () => {
    const session = new SessionMemory(new ManualClock());
    session.of('one').noteDelivered({ key: 'a', generation: 1 });
    const facts = (id: string | undefined) =>
      session.of(id).factsOf({ key: 'a', generation: 1, upstream, twinMs }).earlier;
    expect([facts('one'), facts('two'), facts(undefined)]).toEqual(['delivered', 'not_delivered', 'not_delivered']);
    for (let index = 0; index < 64; index += 1) facts(`more-${index}`);
    expect(facts('one')).toBe('not_delivered');
  });
});
