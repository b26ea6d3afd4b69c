import type { Tool } from '../core/tool/types.ts';

/** How many tools the instructions may speak of one by one. */
const namedToolsMax = 100;

/** For the model: how repeats are handled, what is not recognised. @param note a further line */
export function instructionsFor(tools: readonly Tool[], note: string | undefined): string {
  const lines = [
    'The tools of this server that create or change something take effect once: an identical call within the window of its tool executes nothing and answers with the first result, marked as a replay. After a time-out or a lost answer, send the identical call again: that is safe.',
    'If a second, identical operation is really wanted, call again with the repeat_token of the replay.',
    'outcome_unknown means that the operation may have taken effect: do not try it again in another way; check, or tell the user. Every refusal says whether anything was executed and what to do next.',
  ];
  // Of very many tools a model reads the descriptions, and making all of them now would be waited for.
  const few = tools.length > namedToolsMax ? [] : tools;
  const anew = few.filter(
    ({ effect, match, route }) => effect !== 'read' && !route && (match === 'off' || match === 'same-call'),
  );
  if (anew.length > 0) {
    const names = anew.map(({ name }) => name).join(', ');
    lines.push(`Not recognised by their arguments, so that another call executes again: ${names}.`);
  }
  if (note !== undefined) lines.push(note);
  return lines.join('\n');
}
