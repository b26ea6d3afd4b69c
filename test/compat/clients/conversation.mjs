// The conversation that every client has with a scripted model, and the judgement of what the model received.

/** The instruction of the user. The scripted models do not read it. */
export const prompt = 'Book the rooms.';
/** The name of the tool, without the prefix that a client adds. */
export const toolName = 'book_room';
/** The start of a repeat token. The rest says which operation it belongs to. */
const token = /\br1\.\d+\.\d+\.[\w-]{22}\.[\w-]{22}\b/;

/** The calls of the model, in order. The last one repeats the first with the token that the model received, if it did. */
const calls = [
  { name: 'executed', args: () => ({ room: 'a', memo: 'one' }) },
  { name: 'replay', args: () => ({ room: 'a', memo: 'one' }) },
  { name: 'conflict', args: () => ({ room: 'a', memo: 'two' }) },
  { name: 'unknown', args: () => ({ room: 'lost', memo: 'one' }) },
  { name: 'error', args: () => ({ room: 'refused', memo: 'one' }) },
  {
    name: 'twin',
    args: ([, replay = '']) => ({ room: 'a', memo: 'one', repeat_token: token.exec(replay)?.[0] ?? 'none' }),
  },
];

/**
 * Returns the arguments of the next call, or undefined at the end.
 * @param {readonly string[]} seen what the model received of the calls so far
 */
export function nextArguments(seen) {
  return calls[seen.length]?.args(seen);
}

/**
 * Judges what a model received.
 * @param {readonly string[]} seen what it received of each call, as text
 */
export function judge(seen) {
  const [, replay = '', conflict = '', unknown = '', error = '', twin = ''] = seen;
  const showsText = /(?<!note[\\":]+)Replayed from/.test(replay);
  const showsStructured = /mcp_once/.test(replay);
  return {
    shows:
      showsText && showsStructured ? 'both' : showsStructured ? 'structured content' : showsText ? 'text' : 'neither',
    replayNote: /not executed now: as it was then; it may have changed since/.test(replay),
    repeatToken: token.test(replay),
    conflictNote: /called with other arguments/.test(conflict) && token.test(conflict),
    conflictResult: /booking-1/.test(conflict),
    unknownNextStep: /Check the upstream/.test(unknown),
    error: /no such room/.test(error) && /had no effect/.test(error),
    twinReached: /booking-2/.test(twin),
  };
}

/** Prints what a library's model received, for the process that started the library. */
export function report(seen) {
  process.stdout.write(`${JSON.stringify({ seen })}\n`);
}
