/** What the model of a client received. */
export interface Judgement {
  readonly shows: 'text' | 'structured content' | 'both' | 'neither';
  readonly replayNote: boolean;
  readonly repeatToken: boolean;
  readonly conflictNote: boolean;
  readonly conflictResult: boolean;
  readonly unknownNextStep: boolean;
  readonly error: boolean;
  readonly twinReached: boolean;
}

export function judge(seen: readonly string[]): Judgement;
