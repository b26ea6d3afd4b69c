import { defaultClass, defaultWindowMs } from '../../core/tool/define-tool.ts';
import type { Effect, ToolClass } from '../../core/tool/types.ts';
import type { ListedOperation } from '../document/types.ts';
import { type EffectGuess, guessEffect } from './guess-effect.ts';
import type { OperationOverride } from './overrides.ts';
import type { OperationTraits } from './traits.ts';
import { namesResource } from './words.ts';

/** The part of a policy that is known before the operation is resolved. */
export interface PolicyBasis {
  readonly effect: Effect;
  readonly class: ToolClass;
  readonly windowMs: number;
  /** Whether the path identifies one resource. */
  readonly byId: boolean;
  readonly why: readonly string[];
  /** How a wrong guess would show, where the document leaves doubt and no rule decides. */
  readonly doubt?: string;
  /** Whether the operation may remove or end something. */
  readonly isDestructive: boolean;
}

/** Settings that make sense for a write only. */
const writeSettings = ['class', 'movesMoney', 'windowMs', 'identity', 'recovery', 'lookup', 'clientId'] as const;

const guesses = new WeakMap<OperationTraits, { readonly of: ListedOperation; readonly guess: EffectGuess }>();

/** Guesses once for an operation, although its policy is decided before and after its references are resolved. */
function guessOf(listed: ListedOperation, traits: OperationTraits): EffectGuess {
  const before = guesses.get(traits);
  if (before !== undefined && isSame(before.of, listed)) return before.guess;
  const guess = guessEffect(listed, traits);
  guesses.set(traits, { of: listed, guess });
  return guess;
}

/** Whether both say the same: a resolved operation is a copy. */
function isSame(a: ListedOperation, b: ListedOperation): boolean {
  return (Object.keys(a) as (keyof ListedOperation)[]).every((name) => a[name] === b[name]);
}

/** Decides effect and class of an operation by what its document tells, unless they are overridden. */
export function policyBasis(
  listed: ListedOperation,
  override: OperationOverride,
  traits: OperationTraits,
): PolicyBasis {
  const guess = checkedGuess(listed, override, guessOf(listed, traits));
  const named = namesResource(listed.path);
  const byDefault = override.clientId === undefined ? guess.effect : 'create';
  const effect = override.effect ?? byDefault;
  // An override to `replace` or `delete` implies that the path identifies one resource.
  const isNamed = named || override.effect === 'replace' || override.effect === 'delete';
  const byId = override.clientId === undefined && isNamed;
  const isGuessed = override.effect === undefined && override.clientId === undefined;
  const toolClass = effect === 'read' ? 'off' : (override.class ?? (isGuessed ? guess.class : defaultClass(effect)));
  return {
    effect,
    class: toolClass,
    windowMs: override.windowMs ?? defaultWindowMs(toolClass, byId),
    byId,
    why: guess.why,
    ...(isGuessed && guess.doubt !== undefined ? { doubt: guess.doubt } : {}),
    isDestructive: effect === 'create' ? isGuessed && guess.isDestructive : effect !== 'read',
  };
}

/** A rule that says how repeats are handled makes a POST a write, whatever its words say. */
function checkedGuess({ method }: ListedOperation, override: OperationOverride, guess: EffectGuess): EffectGuess {
  const isByWords = guess.effect === 'read' && method === 'POST';
  if (!isByWords || !writeSettings.some((name) => override[name] !== undefined)) return guess;
  return { ...guess, effect: 'create', class: 'create', why: [method] };
}
