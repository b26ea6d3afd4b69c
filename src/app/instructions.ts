import { takesOccurrence } from '../core/recognition/occurrence.ts';
import type { Tool } from '../core/tool/types.ts';

/** How many tools the instructions name one by one. */
const namedToolsMax = 100;

/** Explains to the model how repeats are handled, and which tools do not recognise them. @param note a further line */
export function instructionsFor(tools: readonly Tool[], note: string | undefined): string {
  const lines = [
    'The tools of this server that create or change something take effect once: a call that repeats an earlier one executes nothing and returns the first result, marked as a replay. After a time-out or a lost answer, send the identical call again: that is safe.',
    'If a second, identical operation is really wanted, call again with the repeat_token of the replay.',
    'outcome_unknown means that the operation may have taken effect: do not try it again in another way; check, or tell the user. Every refusal says whether anything was executed and what to do next.',
  ];
  // With very many tools the descriptions must do: building them all would delay the start.
  const few = tools.length > namedToolsMax ? [] : tools;
  const unguarded = few.filter((tool) => tool.effect !== 'read' && !tool.route && tool.class === 'off');
  if (unguarded.length > 0) {
    const names = unguarded.map(({ name }) => name).join(', ');
    lines.push(`These tools are not guarded, so another call executes again: ${names}.`);
  }
  const numbered = few.filter((tool) => tool.effect !== 'read' && takesOccurrence(tool));
  if (numbered.length > 0) {
    const names = numbered.map(({ name }) => name).join(', ');
    lines.push(
      `To do the same thing several times with one of these tools, number the calls with occurrence 1, 2, 3: ${names}.`,
    );
  }
  if (note !== undefined) lines.push(note);
  return lines.join('\n');
}
