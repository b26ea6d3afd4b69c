import type { ToolClass } from '../tool/types.ts';

/** How a call relates to an earlier operation of its family. */
type Relation =
  /** Equal fingerprints. */
  | 'same'
  /** Equal arguments without the free text, and a free text that says the same in other words. */
  | 'reworded'
  /** Different content. */
  | 'other';

/** How the earlier operation stands, as the session of the call sees it. */
export type Earlier =
  | 'in_flight'
  /** The session received the answer, and has not cancelled the call. */
  | 'delivered'
  /** The session did not receive the answer, or it is not known whether it did. */
  | 'not_delivered';

/** The session's executions on this upstream since it received the earlier answer. */
export type Since =
  /** Nothing, and the answer arrived at most `twinMs` ago. */
  | 'nothing_yet'
  /** Nothing, and the answer arrived longer ago. */
  | 'nothing'
  /** Another write. */
  | 'write'
  /** A delete or a cancellation. */
  | 'delete';

/** The facts about a call and one earlier operation of its family, within the window. */
export interface RecognitionFacts {
  readonly relation: Relation;
  readonly earlier: Earlier;
  readonly since: Since;
  readonly class: Exclude<ToolClass, 'off'>;
  /** True for a tool that deletes or cancels. */
  readonly deletes: boolean;
}

export type Recognition =
  /** Wait until the earlier operation has ended, then decide again. */
  | 'wait'
  /** Answer with the result of the earlier operation. */
  | 'replay'
  /** Execute the call as an operation of its own. */
  | 'execute'
  /** Answer with a conflict that encloses the first result and says how to mean it twice. */
  | 'ask';

/**
 * The recognition table: decides whether a call repeats an earlier operation or is meant. Pure.
 *
 * | relation | earlier answer | since then, by this session | create | state | repeatable |
 * |---|---|---|---|---|---|
 * | same | in flight | | wait | wait | wait |
 * | same | not delivered | any | replay | replay | replay |
 * | same | delivered | nothing, up to `twinMs` ago | replay | replay | replay |
 * | same | delivered | nothing, longer ago | replay | execute | execute |
 * | same | delivered | another write | replay | execute | execute |
 * | same | delivered | a delete or cancel | execute | execute | execute |
 * | reworded | in flight | | wait | execute | wait |
 * | reworded | not delivered | any | ask | execute | ask |
 * | reworded | delivered | any | ask | execute | execute |
 * | other | any | any | execute | execute | execute |
 *
 * A delete is a `state` tool with one exception: without another write in between, the thing is still gone, so a repeat
 * gets the first answer however late it comes.
 *
 * @example
 * recognise({ relation: 'same', earlier: 'not_delivered', since: 'nothing', class: 'create', deletes: false }) // 'replay'
 */
export function recognise(facts: RecognitionFacts): Recognition {
  switch (facts.relation) {
    case 'same':
      return recogniseSame(facts);
    case 'reworded':
      return recogniseReworded(facts);
    case 'other':
      return 'execute';
  }
}

function recogniseSame({ earlier, since, class: toolClass, deletes }: RecognitionFacts): Recognition {
  if (earlier === 'in_flight') return 'wait';
  if (earlier === 'not_delivered') return 'replay';
  switch (since) {
    case 'nothing_yet':
      return 'replay';
    case 'nothing':
      return toolClass === 'create' || deletes ? 'replay' : 'execute';
    case 'write':
      return toolClass === 'create' ? 'replay' : 'execute';
    case 'delete':
      return 'execute';
  }
}

function recogniseReworded({ earlier, class: toolClass }: RecognitionFacts): Recognition {
  // Writes of one resource already wait for each other, and the latest one counts.
  if (toolClass === 'state') return 'execute';
  if (earlier === 'in_flight') return 'wait';
  return toolClass === 'repeatable' && earlier === 'delivered' ? 'execute' : 'ask';
}
