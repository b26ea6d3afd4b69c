import type { Tool } from '../core/tool/types.ts';

/** How many tools the instructions name one by one. */
const namedToolsMax = 100;

/** Explains to the model how repeats are handled, and which tools do not recognise them. @param note a further line */
export function instructionsFor(tools: readonly Tool[], note: string | undefined): string {
  const lines = [
    'The tools of this server that create or change something take effect once: an identical call within the window of its tool executes nothing and returns the first result, marked as a replay. After a time-out or a lost answer, send the identical call again: that is safe.',
    'If a second, identical operation is really wanted, call again with the repeat_token of the replay.',
    'outcome_unknown means that the operation may have taken effect: do not try it again in another way; check, or tell the user. Every refusal says whether anything was executed and what to do next.',
  ];
  // With very many tools the descriptions must do: building them all would delay the start.
  const few = tools.length > namedToolsMax ? [] : tools;
  const anew = few.filter(
    ({ effect, match, route }) => effect !== 'read' && !route && (match === 'off' || match === 'same-call'),
  );
  if (anew.length > 0) {
    const names = anew.map(({ name }) => name).join(', ');
    lines.push(`These tools do not recognise a repeat by its arguments, so another call executes again: ${names}.`);
  }
  if (note !== undefined) lines.push(note);
  return lines.join('\n');
}
