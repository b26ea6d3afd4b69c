import { defined } from '../../core/json.ts';
import { guessAct, guessByName, type NameGuess, soundsLikeMoney, type ToolAct } from '../../core/tool/class-words.ts';
import { defaultWindowMs, recoveryList } from '../../core/tool/define-tool.ts';
import { matchesGlob } from '../../core/tool/glob.ts';
import type { Recovery } from '../../core/tool/types.ts';
import { findKeyField } from './key-field.ts';
import { parseField, parsePath } from './path.ts';
import { readsByPipeline, readsByRule, readsBySchema, readsWithoutArguments } from './read-calls.ts';
import { type PolicyRule, policyRuleFor, type ServerPolicy } from './server-policy.ts';
import type {
  ArgumentPath,
  DecidedLookup,
  Decision,
  GuardDecision,
  KeyField,
  McpTool,
  PassDecision,
  ReadCalls,
  WrapRule,
  WrapRules,
} from './types.ts';

const minute = 60_000;
/** The window of a tool that makes something, by its name, in ms. */
const guessedWindowMs = 10 * minute;
const lookupLagMs = minute;

/**
 * Decides whether a tool is guarded: first by the configuration, then by the policy of its server, by its annotations as
 * far as its server is trusted, by its schema and by its name. A tool without hints is guarded. The function is pure and
 * never throws: it ignores a rule that cannot be followed, on the side of fewer executions, and adds a warning.
 *
 * A key field takes precedence over `idempotentHint`, because such a tool is idempotent only for an equal key, and a
 * model writes a new one each time. It takes precedence over the name as well, because reads take no key.
 */
export function decideGuard(tool: McpTool, rules: WrapRules, policy?: ServerPolicy): Decision {
  const { rule: own, isSpecific } = ruleFor(tool.name, rules);
  const shipped = policyRuleFor(policy, tool);
  const rule = { ...withoutOff(shipped), ...own };
  if (rule.class === 'off') return passDecision('configuration', 'class: off', []);
  const guess = guessAct(tool);
  const key = findKeyField(tool);
  if (isSpecific)
    return guardDecision(tool, rule, { because: 'configuration', why: 'a rule of the configuration', key, shipped });
  if (shipped?.class === 'off') return passDecision('policy', `policy ${policy?.name}`, []);
  if (shipped) return guardDecision(tool, rule, { because: 'policy', why: `policy ${policy?.name}`, key, shipped });
  const { readOnlyHint, destructiveHint, idempotentHint } = tool.annotations ?? {};
  const isMarked = readOnlyHint === true && rules.trustAnnotations !== 'none';
  const isNamedRead = guess.act === 'read' && readOnlyHint !== false && destructiveHint !== true;
  const reads = readsByPipeline(tool, isMarked || isNamedRead);
  if (reads) return guardDecision(tool, rule, { because: 'default', why: 'its pipeline may write', key, reads });
  if (isMarked) {
    return passDecision('annotation', 'readOnlyHint', hintWarnings(guessByName(tool.name)));
  }
  if (key)
    return guardDecision(tool, rule, {
      because: 'key-field',
      why: `it takes an idempotency key (${key.path.join('.')})`,
      key,
    });
  if (idempotentHint === true && rules.trustAnnotations === 'all') {
    return guardDecision(tool, rule, { because: 'annotation', why: 'idempotentHint', isIdempotent: true });
  }
  if (isNamedRead) {
    return passDecision('name', `"${guess.word}" usually reads`, []);
  }
  return guardDecision(tool, rule, {
    because: 'default',
    why: 'nothing marks it as read-only',
    ...writeWarnings(tool, guess),
  });
}

/** A rule that a tool only reads says nothing about how to guard it. */
function withoutOff(shipped: PolicyRule | undefined): WrapRule {
  const { arguments: _judged, deletes: _deletes, readsWithout: _acting, ...rule } = shipped ?? {};
  return rule.class === 'off' ? {} : rule;
}

function passDecision(because: PassDecision['because'], why: string, warnings: readonly string[]): PassDecision {
  return Object.freeze({ type: 'pass', because, why, warnings: Object.freeze([...warnings]) });
}

/** The reason and the hints for a guard. */
interface Guess {
  readonly because: GuardDecision['because'];
  readonly why: string;
  readonly key?: KeyField | undefined;
  readonly isIdempotent?: boolean;
  readonly warnings?: readonly string[];
  readonly shipped?: PolicyRule | undefined;
  /** Which calls of a tool that takes a pipeline only read. */
  readonly reads?: ReadCalls;
}

/**
 * Makes the decision for a guarded tool.
 *
 * An idempotent tool recovers by running again. Its class is `state`, because `off` would store nothing and leave the
 * outcome of an interrupted call unknown. Its resource is all of its arguments: it runs again only for a call with equal
 * arguments, which wants this state now.
 */
function guardDecision(tool: McpTool, rule: WrapRule, guess: Guess): GuardDecision {
  const { because, why, key, isIdempotent = false } = guess;
  const warnings = [...(guess.warnings ?? [])];
  const { act } = guessAct(tool);
  const deletes = guess.shipped?.deletes ?? act === 'delete';
  const toolClass = classOf(rule, guess, act);
  const identity = pathsOf(tool, rule.identity ?? [], warnings);
  const lookup = lookupOf(tool, rule, warnings);
  const reads = readsOf(tool, rule, guess);
  const windowMs = rule.windowMs ?? (toolClass === 'create' ? guessedWindowMs : defaultWindowMs(toolClass, false));
  if (toolClass === 'create' && because !== 'key-field') warnings.push(...repeatWarnings(tool, rule, windowMs));
  return Object.freeze({
    type: 'guard',
    because,
    why,
    warnings,
    effect: toolClass === 'create' ? 'create' : deletes ? 'delete' : 'update',
    class: toolClass,
    movesMoney: rule.movesMoney ?? soundsLikeMoney(tool.name, tool.description, tool.inputSchema),
    windowMs,
    recovery: recoveryOf({ rule, key, lookup, isIdempotent }, warnings),
    ...defined({
      errorsFail: rule.errorsFail,
      identity: identity.length > 0 ? identity : undefined,
      ignore: rule.ignore,
      key,
      lookup,
      reads,
    }),
    // Many servers accept what their schema does not declare.
    undeclared: rule.undeclared ?? 'pass',
    lookupLagMs: rule.lookupLagMs ?? lookupLagMs,
  });
}

/** Finds out which calls only read: by a rule, then by the policy, then by the schema. */
function readsOf(tool: McpTool, rule: WrapRule, { key, shipped, reads }: Guess): ReadCalls | undefined {
  if (rule.reads) return readsByRule(rule.reads);
  if (shipped?.readsWithout) return readsWithoutArguments(shipped.readsWithout, shipped.arguments ?? []);
  return key ? undefined : (reads ?? readsBySchema(tool));
}

/** Chooses the class: by rule, key field, annotation, then by what the tool seems to do. */
function classOf({ class: given }: WrapRule, { key, isIdempotent }: Guess, act: ToolAct): GuardDecision['class'] {
  if (given !== undefined && given !== 'off') return given;
  if (key) return 'create';
  if (isIdempotent) return 'state';
  return act === 'create' || act === 'repeatable' ? act : 'state';
}

/**
 * Merges the matching rules. A rule makes a tool that looks like a read guarded only if it sets how repeats are
 * recognised or recovered, and if its pattern is not just `*`.
 */
function ruleFor(name: string, rules: WrapRules): { readonly rule: WrapRule; readonly isSpecific: boolean } {
  const matching = Object.entries(rules.tools).filter(([pattern]) => matchesGlob(pattern, name));
  const rule: WrapRule = Object.assign({}, ...matching.map(([, each]) => defined(each)));
  const isSpecific = matching.some(([pattern, each]) => {
    return (
      pattern !== '*' && (each.class ?? each.identity ?? each.ignore ?? each.recovery ?? each.lookup) !== undefined
    );
  });
  return { rule, isSpecific };
}

interface RecoveryParts {
  readonly rule: WrapRule;
  readonly key: KeyField | undefined;
  readonly lookup: DecidedLookup | undefined;
  readonly isIdempotent: boolean;
}

/** Orders the recoveries: the server's memory of the key, then a repeat of an idempotent call, then a lookup. */
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
    if (recovery === 'resend' && !key) warnings.push('recovery "resend" is ignored: the tool takes no idempotency key');
    else if (recovery === 'reconcile' && !lookup)
      warnings.push('recovery "reconcile" is ignored: it requires a lookup');
    else return true;
    return false;
  });
  return recoveryList(possible);
}

function pathsOf(tool: McpTool, texts: readonly string[], warnings: string[]): readonly ArgumentPath[] {
  return texts.flatMap((text) => {
    const path = parsePath(text);
    if (path === undefined) {
      warnings.push(`identity ${JSON.stringify(text)} is ignored: it is not a JSON pointer or a simple JSON path`);
      return [];
    }
    const [name] = path;
    if (name !== undefined && !declares(tool, name)) {
      warnings.push(`identity ${JSON.stringify(text)}: the schema has no ${JSON.stringify(name)}`);
    }
    return [path];
  });
}

function lookupOf(tool: McpTool, { lookup }: WrapRule, warnings: string[]): DecidedLookup | undefined {
  if (lookup === undefined) return undefined;
  const items = parsePath(lookup.items);
  const { argument, field } = lookup.marker;
  if (items === undefined) {
    warnings.push('lookup is ignored: its items are not a JSON pointer or a simple JSON path');
    return undefined;
  }
  if (!declares(tool, argument)) {
    warnings.push(`lookup is ignored: the schema has no ${JSON.stringify(argument)} for the marker`);
    return undefined;
  }
  return Object.freeze({
    tool: lookup.tool,
    arguments: lookup.arguments,
    items,
    marker: Object.freeze({ argument, field: parseField(field) }),
  });
}

function hintWarnings({ act, word, mayRead }: NameGuess): readonly string[] {
  if (act === 'read' || mayRead === undefined) return [];
  return [`its server calls it read-only, but by its name it may ${word}: if it writes, add a rule to guard it`];
}

function writeWarnings(tool: McpTool, { act, word, mayRead }: NameGuess): Pick<Guess, 'warnings'> {
  if (mayRead !== undefined) {
    return { warnings: [`"${mayRead}" may read and "${word}" may write: if it only reads, set class: off`] };
  }
  if (act !== 'read') return {};
  const hint = tool.annotations?.readOnlyHint === false ? 'readOnlyHint: false' : 'destructiveHint';
  return { warnings: [`its name suggests a read, but its server says ${hint}: if it only reads, set class: off`] };
}

/** Warns where two identical calls are often both intended, because the second one gets the first one's result. */
function repeatWarnings(tool: McpTool, rule: WrapRule, windowMs: number): readonly string[] {
  if (rule.class !== undefined || windowMs === 0) return [];
  const within = `within ${Math.ceil(windowMs / 1_000)} s`;
  const remedy = 'if each call is intended, set class: state, repeatable or off, or a shorter window';
  if (propertiesOf(tool).length === 0) {
    return [`it takes no arguments, so any second call ${within} counts as a repeat: ${remedy}`];
  }
  return [];
}

function declares(tool: McpTool, name: string): boolean {
  return propertiesOf(tool).includes(name);
}

function propertiesOf({ inputSchema }: McpTool): readonly string[] {
  const { properties } = inputSchema;
  return typeof properties === 'object' && properties !== null ? Object.keys(properties) : [];
}
