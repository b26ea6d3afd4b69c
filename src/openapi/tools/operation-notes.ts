import type { Tool } from '../../core/tool/types.ts';
import type { Method } from '../document/types.ts';

/** What people want to know of an operation's tool, for lists. */
export interface OperationNotes {
  readonly method: Method;
  readonly path: string;
  /** What the policy is based on. Resolves the operation. */
  why(): readonly string[];
  /** How a wrong guess would show, where the document leaves doubt. */
  readonly doubt?: string;
  /** The settings that state the present guess, to paste into `operations`. */
  readonly rule: Readonly<Record<string, string>>;
  /** Why every call is refused; undefined for a tool that can be called. */
  problem(): string | undefined;
}

const notes = new WeakMap<Tool['run'], OperationNotes>();

/** Keeps the notes of a tool. The configuration may derive other objects from the tool, which share its `run`. */
export function noteOperation({ run }: Tool, of: OperationNotes): void {
  notes.set(run, of);
}

export function notesOf({ run }: Tool): OperationNotes | undefined {
  return notes.get(run);
}
