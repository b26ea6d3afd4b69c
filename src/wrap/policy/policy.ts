import { defaultWindowMs, recoveryList } from '../../core/tool/define-tool.ts';
import { matchesGlob } from '../../core/tool/glob.ts';
import type { Recovery } from '../../core/tool/types.ts';
import { findKeyField } from './key-field.ts';
import { parseField, parsePath } from './path.ts';
import { guessByName, type NameGuess, repeatedVerb, settingVerb } from './tool-names.ts';
import type {
  ArgumentPath,
  DecidedLookup,
  Decision,
  GuardDecision,
  KeyField,
  McpTool,
  PassDecision,
  WrapRule,
  WrapRules,
} from './types.ts';

const minute = 60_000;
/** How long identical calls of a tool that nothing is known of mean one operation, in ms. */
const guessedWindowMs = 2 * minute;
const lookupLagMs = minute;

/**
 * What is done with the calls of one tool: what the configuration says of it first, then its annotations as far
 * as its server is trusted, then its schema and its name. Where nothing is known it is guarded. Pure; never
 * throws: a rule that cannot be followed is left out on the side of fewer executions, with a warning.
 *
 * An idempotency field comes before `idempotentHint`: such a tool is idempotent only while the key stays the
 * same, and the one that a model writes does not. It comes before the name, too: reads take no key.
 */
export function decideGuard(tool: McpTool, rules: WrapRules): Decision {
  const { rule, isMeant } = ruleFor(tool.name, rules);
  if (rule.match === 'off') return passDecision('configuration', 'match: off', []);
  const guess = guessByName(tool.name);
  const key = findKeyField(tool);
  if (isMeant) return guardDecision(tool, rule, { because: 'configuration', why: 'a rule of the configuration', key });
  const { readOnlyHint, destructiveHint, idempotentHint } = tool.annotations ?? {};
  if (readOnlyHint === true && rules.trustAnnotations !== 'none') {
    return passDecision('annotation', 'readOnlyHint', hintWarnings(guess));
  }
  if (key)
    return guardDecision(tool, rule, { because: 'key-field', why: `it takes an idempotency key (${key.name})`, key });
  if (idempotentHint === true && rules.trustAnnotations === 'all') {
    return guardDecision(tool, rule, { because: 'annotation', why: 'idempotentHint', isIdempotent: true });
  }
  if (guess.type === 'read' && readOnlyHint !== false && destructiveHint !== true) {
    return passDecision('name', `"${guess.verb}" mostly reads`, readWarnings(tool, guess));
  }
  return guardDecision(tool, rule, {
    because: 'default',
    why: 'nothing says that it only reads',
    ...writeWarnings(tool, guess),
  });
}

function passDecision(because: PassDecision['because'], why: string, warnings: readonly string[]): PassDecision {
  return Object.freeze({ type: 'pass', because, why, warnings: Object.freeze([...warnings]) });
}

/** What a guard is made of besides tool and rule. */
interface Guess {
  readonly because: GuardDecision['because'];
  readonly why: string;
  readonly key?: KeyField | undefined;
  readonly isIdempotent?: boolean;
  readonly warnings?: readonly string[];
}

/**
 * A tool that is idempotent runs each time it is called, and is recovered by running it again. `off` would keep
 * nothing, so that the outcome of a call that was cut short could not be told: `same-call` runs every call, but
 * for those that are sent twice. Its resource is all of its arguments: it is run again only when somebody calls
 * with these very arguments, and so wants this state now, whatever was written between.
 */
function guardDecision(tool: McpTool, rule: WrapRule, guess: Guess): GuardDecision {
  const { because, why, key, isIdempotent = false } = guess;
  const warnings = [...(guess.warnings ?? [])];
  const given = rule.match === 'off' ? undefined : rule.match;
  const match = given ?? (isIdempotent ? 'same-call' : 'identical');
  const identity = pathsOf(tool, rule.identity ?? [], warnings);
  const lookup = lookupOf(tool, rule, warnings);
  const isUpdate = isIdempotent || match !== 'identical';
  const windowMs = rule.windowMs ?? (match === 'identical' ? guessedWindowMs : defaultWindowMs(match));
  if (match === 'identical' && because !== 'key-field') warnings.push(...repeatWarnings(tool, rule, windowMs));
  return Object.freeze({
    type: 'guard',
    because,
    why,
    warnings,
    effect: isUpdate ? 'update' : 'create',
    match,
    windowMs,
    recovery: recoveryOf({ rule, key, lookup, isIdempotent }, warnings),
    ...(identity.length > 0 ? { identity } : {}),
    ...(key ? { key } : {}),
    ...(lookup ? { lookup } : {}),
    lookupLagMs: rule.lookupLagMs ?? lookupLagMs,
    errorsFail: rule.errorsFail ?? false,
  });
}

/**
 * The rules that match, merged. A rule means a tool that is otherwise taken for a read only where it says how a
 * repeat is known or recovered, and not by `*` alone: a rule for all tools means the others.
 */
function ruleFor(name: string, rules: WrapRules): { readonly rule: WrapRule; readonly isMeant: boolean } {
  const matching = Object.entries(rules.tools).filter(([pattern]) => matchesGlob(pattern, name));
  const rule: WrapRule = Object.assign({}, ...matching.map(([, each]) => withoutUndefined(each)));
  const isMeant = matching.some(([pattern, each]) => {
    return pattern !== '*' && (each.match ?? each.identity ?? each.recovery ?? each.lookup) !== undefined;
  });
  return { rule, isMeant };
}

interface RecoveryParts {
  readonly rule: WrapRule;
  readonly key: KeyField | undefined;
  readonly lookup: DecidedLookup | undefined;
  readonly isIdempotent: boolean;
}

/** The server's own memory of the key, then running again what is idempotent, then asking. */
function recoveryOf({ rule, key, lookup, isIdempotent }: RecoveryParts, warnings: string[]): readonly Recovery[] {
  if (rule.recovery === undefined) {
    const natural: readonly Recovery[] = isIdempotent ? ['natural'] : [];
    return recoveryList([
      ...(key ? (['resend'] as const) : []),
      ...natural,
      ...(lookup ? (['reconcile'] as const) : []),
    ]);
  }
  const possible = rule.recovery.filter((recovery) => {
    if (recovery === 'resend' && !key) warnings.push('recovery "resend" is left out: it takes no idempotency key');
    else if (recovery === 'reconcile' && !lookup) warnings.push('recovery "reconcile" is left out: it needs a lookup');
    else return true;
    return false;
  });
  return recoveryList(possible);
}

function pathsOf(tool: McpTool, texts: readonly string[], warnings: string[]): readonly ArgumentPath[] {
  return texts.flatMap((text) => {
    const path = parsePath(text);
    if (path === undefined) {
      warnings.push(`identity ${JSON.stringify(text)} is left out: it is no JSON pointer and no simple JSON path`);
      return [];
    }
    const [name] = path;
    if (name !== undefined && !declares(tool, name)) {
      warnings.push(`identity ${JSON.stringify(text)}: its schema has no ${JSON.stringify(name)}`);
    }
    return [path];
  });
}

function lookupOf(tool: McpTool, { lookup }: WrapRule, warnings: string[]): DecidedLookup | undefined {
  if (lookup === undefined) return undefined;
  const items = parsePath(lookup.items);
  const { argument, field } = lookup.marker;
  if (items === undefined) {
    warnings.push('lookup is left out: its items are no JSON pointer and no simple JSON path');
    return undefined;
  }
  if (!declares(tool, argument)) {
    warnings.push(`lookup is left out: its schema has no ${JSON.stringify(argument)} that could carry the marker`);
    return undefined;
  }
  return Object.freeze({
    tool: lookup.tool,
    arguments: lookup.arguments,
    items,
    marker: Object.freeze({ argument, field: parseField(field) }),
  });
}

function hintWarnings(guess: NameGuess): readonly string[] {
  if (guess.type !== 'read-or-write') return [];
  return [
    `its server says that it only reads, and its name that it may ${guess.writes}: if it does, guard it by a rule`,
  ];
}

function readWarnings(tool: McpTool, guess: Extract<NameGuess, { type: 'read' }>): readonly string[] {
  const doubts = guess.doubt === undefined ? [] : [guess.doubt];
  const statement = ['sql', 'query', 'statement', 'cypher', 'mutation', 'script'].find((name) => declares(tool, name));
  if (guess.verb === 'query' && statement !== undefined) doubts.push(`its ${statement} may be one that writes`);
  if (declares(tool, 'method') || declares(tool, 'body')) doubts.push('it may send a request that writes');
  return doubts.map((doubt) => `not guarded because of its name, but ${doubt}: if it writes, guard it by a rule`);
}

function writeWarnings(tool: McpTool, guess: NameGuess): Pick<Guess, 'warnings'> {
  if (guess.type === 'read-or-write') {
    return { warnings: [`it begins like a read, and may ${guess.writes}: if it only reads, set match: off`] };
  }
  if (guess.type !== 'read') return {};
  const hint = tool.annotations?.readOnlyHint === false ? 'readOnlyHint: false' : 'destructiveHint';
  return { warnings: [`its name is that of a read, but its server says ${hint}: if it only reads, set match: off`] };
}

/** Where two identical calls are often both meant. The second is answered with the first one's result. */
function repeatWarnings(tool: McpTool, rule: WrapRule, windowMs: number): readonly string[] {
  if (rule.match !== undefined || windowMs === 0) return [];
  const within = `within ${Math.ceil(windowMs / 1_000)} s`;
  const remedy = 'if each is meant, set match: same-call or off, or a shorter window';
  if (propertiesOf(tool).length === 0) {
    return [`it takes no arguments, so that any second call ${within} is taken for a repeat: ${remedy}`];
  }
  const verb = repeatedVerb(tool.name);
  if (verb !== undefined) return [`"${verb}" with the same arguments ${within} is taken for a repeat: ${remedy}`];
  const setting = settingVerb(tool.name);
  if (setting === undefined) return [];
  return [`"${setting}" to A, to B and to A again ${within}: the last is taken for a repeat of the first: ${remedy}`];
}

function declares(tool: McpTool, name: string): boolean {
  return propertiesOf(tool).includes(name);
}

function propertiesOf({ inputSchema }: McpTool): readonly string[] {
  const { properties } = inputSchema;
  return typeof properties === 'object' && properties !== null ? Object.keys(properties) : [];
}

function withoutUndefined<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as Partial<T>;
}
