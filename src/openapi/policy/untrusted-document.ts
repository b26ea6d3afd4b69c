import { objectOf } from '../../core/json.ts';
import { defaultWindowMs } from '../../core/tool/define-tool.ts';
import type { Effect } from '../../core/tool/types.ts';
import type { ApiDocument, ListedOperation } from '../document/types.ts';
import { documentOverride, type OperationOverride } from './overrides.ts';
import { type PolicyBasis, policyBasis } from './policy-basis.ts';
import { traitsOf } from './traits.ts';

type Member = keyof OperationOverride;

/** How strictly an effect is guarded by default: a read not at all, a create by all of its arguments and without retries. */
const strictness: Readonly<Record<Effect, number>> = { read: 0, delete: 1, replace: 1, update: 2, create: 3 };

/**
 * Returns the members of an `x-mcp-once` that could weaken the guard: execute a repeat, or send a request again where
 * nothing else shows that this is harmless. The result holds for every configuration, because the configuration may
 * change the effect. So `state` is weak even for a PUT, whose default it is.
 *
 * @param byMethod the policy of the operation without the override
 */
export function weakerMembers(given: OperationOverride, byMethod: Pick<PolicyBasis, 'effect'>): readonly Member[] {
  const { effect, class: toolClass, movesMoney, windowMs, recovery, lookup, clientId } = given;
  const isWeakEffect =
    effect !== undefined && effect !== byMethod.effect && strictness[effect] <= strictness[byMethod.effect];
  const weak: Partial<Record<Member, boolean>> = {
    effect: isWeakEffect,
    class: toolClass !== undefined && toolClass !== 'create',
    movesMoney: movesMoney === false,
    // The longest default: a shorter window could be below that of the class that the operation gets.
    windowMs: windowMs !== undefined && windowMs < defaultWindowMs('create', false),
    // An operation takes `resend` only with an idempotency key, and then has it by default.
    recovery: recovery?.some((each) => each !== 'refuse' && each !== 'resend') ?? false,
    // A lookup that finds nothing lets the operation execute again, and a client's id lets it be sent again.
    lookup: lookup !== undefined,
    clientId: clientId !== undefined,
  };
  return (Object.keys(weak) as Member[]).filter((member) => weak[member]);
}

/** A document whose operations no longer weaken the guard. */
export interface RestrictedDocument {
  readonly document: ApiDocument;
  /** Says what is ignored; undefined if nothing is. */
  readonly warning: string | undefined;
}

/** How many operations the warning names one by one. */
const namedOperationsMax = 5;

/**
 * Removes from each `x-mcp-once` what could weaken the guard. Everything that reads the document afterwards, such as the
 * policy and the search for lookups, gets the rest only.
 */
export function restrictDocument(read: ApiDocument): RestrictedDocument {
  const document = Object.freeze({ ...read, isRestricted: true });
  const ignored: string[] = [];
  const listedOperations = document.listedOperations.map((listed) => {
    const weak = weakMembersOf(document, listed);
    if (weak.length === 0) return listed;
    const basis = policyBasis(listed, {}, traitsOf(document, listed));
    const given = documentOverride(listed);
    const isDefault = (member: Member): boolean =>
      (member === 'class' || member === 'windowMs') && given[member] === basis[member];
    const named = weak.filter((member) => !isDefault(member)).map(optionOf);
    if (named.length > 0) ignored.push(`${listed.method} ${listed.path} (${named.join(', ')})`);
    return withoutMembers(listed, weak.map(optionOf));
  });
  if (listedOperations.every((listed, index) => listed === document.listedOperations[index])) {
    return { document, warning: undefined };
  }
  const resolve: ApiDocument['resolve'] = (listed) => ({
    ...document.resolve(listed),
    extensions: listed.extensions,
  });
  return {
    document: Object.freeze({
      ...document,
      listedOperations: Object.freeze(listedOperations),
      resolve,
    }),
    warning: ignored.length === 0 ? undefined : warningOf(ignored),
  };
}

/** An invalid `x-mcp-once` is reported later, and its operation is not served. */
function weakMembersOf(document: ApiDocument, listed: ListedOperation): readonly Member[] {
  try {
    return weakerMembers(documentOverride(listed), policyBasis(listed, {}, traitsOf(document, listed)));
  } catch {
    return [];
  }
}

function withoutMembers(listed: ListedOperation, options: readonly string[]): ListedOperation {
  const members = Object.entries(objectOf(listed.extensions['x-mcp-once']));
  const kept = Object.fromEntries(members.filter(([name]) => !options.includes(name)));
  return Object.freeze({ ...listed, extensions: { ...listed.extensions, 'x-mcp-once': kept } });
}

function optionOf(member: Member): string {
  return member === 'windowMs' ? 'window' : member;
}

function warningOf(ignored: readonly string[]): string {
  const more = ignored.length > namedOperationsMax ? ` and ${ignored.length - namedOperationsMax} more operations` : '';
  return `x-mcp-once is ignored where it could weaken the guard, because the document comes from the network: ${ignored.slice(0, namedOperationsMax).join(', ')}${more}; write these settings into operations of the entry, or set trust: true (--trust-document) if you trust whoever can change the document`;
}
