import { wordsOf } from '../../core/key/fold-text.ts';
import type { ApiDocument, ListedOperation, OperationFacts } from '../document/types.ts';
import { namesResource, pathAction } from './words.ts';

/** What the document and its other operations tell about an operation. */
export interface OperationTraits extends OperationFacts {
  /** Whether things below its path have ids, as in `/orders` beside `/orders/{id}`. */
  readonly hasItems: boolean;
  /** Whether the same path has a GET or DELETE. */
  readonly isItem: boolean;
  /** The operation that undoes it: `unarchive` of `archive`. */
  readonly opposite?: ListedOperation;
  /** The path of the things that it makes, if they can be deleted: `/orders/{id}` of `POST /orders`. */
  readonly item?: string;
  /** The operation that makes what it deletes. */
  readonly maker?: ListedOperation;
  /** Whether the opposite is DELETE of the same path. */
  readonly isOppositeByMethod: boolean;
  /** Whether the same path has a PUT or PATCH. */
  readonly isChanged: boolean;
  /** Whether the document is from the network and not trusted. */
  readonly isRestricted: boolean;
}

/** Verbs and what takes them back. */
const pairs: readonly (readonly [string, readonly string[]])[] = [
  ['archive', ['unarchive', 'restore']],
  ['enable', ['disable']],
  ['lock', ['unlock']],
  ['subscribe', ['unsubscribe']],
  ['start', ['stop', 'end']],
  ['open', ['close']],
  ['reopen', ['close', 'complete']],
  ['pause', ['resume', 'unpause', 'continue']],
  ['suspend', ['resume', 'unsuspend', 'activate', 'reactivate', 'reinstate']],
  ['activate', ['deactivate', 'inactivate']],
  ['publish', ['unpublish']],
  ['add', ['remove']],
  ['join', ['leave']],
  ['mute', ['unmute']],
  ['pin', ['unpin']],
  ['star', ['unstar']],
  ['like', ['unlike']],
  ['follow', ['unfollow']],
  ['block', ['unblock']],
  ['ban', ['unban']],
  ['attach', ['detach']],
  ['link', ['unlink']],
  ['connect', ['disconnect']],
  ['assign', ['unassign']],
  ['approve', ['reject', 'decline', 'unapprove', 'disapprove']],
  ['accept', ['reject', 'decline']],
  ['hide', ['unhide', 'show']],
  ['promote', ['demote']],
  ['freeze', ['unfreeze', 'thaw']],
  ['invite', ['kick', 'uninvite']],
  ['hold', ['release', 'unhold']],
  ['trash', ['restore', 'untrash']],
  ['delete', ['restore', 'undelete']],
  ['grant', ['revoke']],
  ['allow', ['deny']],
  ['complete', ['uncomplete', 'incomplete']],
  ['tag', ['untag']],
  ['bind', ['unbind']],
  ['register', ['deregister', 'unregister']],
  ['mark', ['unmark']],
  ['set', ['unset', 'clear']],
  ['share', ['unshare']],
  ['vote', ['unvote']],
  ['watch', ['unwatch']],
  ['install', ['uninstall']],
  ['create', ['delete', 'cancel', 'void', 'remove']],
];

const opposites = oppositeWords();

function oppositeWords(): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  const add = (one: string, other: string) => found.set(one, (found.get(one) ?? new Set()).add(other));
  for (const [word, others] of pairs) {
    for (const other of others) {
      add(word, other);
      add(other, word);
    }
  }
  return found;
}

const known = new WeakMap<ApiDocument, (listed: ListedOperation) => OperationTraits>();

/** Returns the traits of an operation of a document. The index of the document is made once. */
export function traitsOf(document: ApiDocument, listed: ListedOperation): OperationTraits {
  const traits = known.get(document) ?? createTraits(document);
  known.set(document, traits);
  return traits(listed);
}

function createTraits(document: ApiDocument): (listed: ListedOperation) => OperationTraits {
  const byAction = new Map<string, ListedOperation>();
  const collections = new Set<string>();
  /** The first path of an item that can be deleted, by the shape of its collection. */
  const items = new Map<string, string>();
  for (const each of document.listedOperations) {
    const [, collection] = /^(.+)\/\{[^{}/]+\}(?:\.\w+)?\/?$/.exec(each.path) ?? [];
    const shape = collection === undefined ? undefined : shapeOf(collection);
    if (shape !== undefined) {
      collections.add(shape);
      if (each.method === 'DELETE' && !items.has(shape)) items.set(shape, each.path);
    }
    for (const key of actionKeys(each)) if (!byAction.has(key.own)) byAction.set(key.own, each);
  }
  const ready = new Map<string, OperationTraits>();
  return (listed) => {
    const found = ready.get(listed.pointer);
    if (found) return found;
    const facts = document.factsOf(listed);
    const opposite = actionKeys(listed)
      .flatMap(({ others }) => others.map((key) => byAction.get(key)))
      .find((each) => each !== undefined && each.pointer !== listed.pointer);
    const shape = shapeOf(listed.path);
    const hasItems = collections.has(shape);
    const isItem = byAction.has(`GET ${shape}`) || byAction.has(`DELETE ${shape}`);
    const isChanged = byAction.has(`PUT ${shape}`) || byAction.has(`PATCH ${shape}`);
    const item = listed.method === 'POST' && !namesResource(listed.path) ? items.get(shape) : undefined;
    const maker = makerOf(listed, byAction);
    const isOppositeByMethod = opposite?.path === listed.path;
    const traits = {
      ...facts,
      hasItems,
      isItem,
      ...(item === undefined ? {} : { item }),
      ...(maker === undefined ? {} : { maker }),
      isOppositeByMethod,
      isChanged,
      isRestricted: document.isRestricted === true,
      ...(opposite ? { opposite } : {}),
    };
    ready.set(listed.pointer, traits);
    return traits;
  };
}

/** Finds the POST of the collection whose item an operation deletes or ends: of `DELETE /orders/{id}`, `/orders/{id}/cancel`. */
function makerOf(
  { method, path }: ListedOperation,
  byAction: ReadonlyMap<string, ListedOperation>,
): ListedOperation | undefined {
  if (method !== 'DELETE' && method !== 'POST') return undefined;
  const thing = namesResource(path) ? path : (pathAction(path)?.before ?? '').replace(/[/:.]+$/, '');
  const [, collection] = /^(.+)\/\{[^{}/]+\}(?:\.\w+)?\/?$/.exec(thing) ?? [];
  if (collection === undefined) return undefined;
  const shape = shapeOf(collection);
  // The create knows its things by the path at which they are deleted.
  return byAction.has(`DELETE ${shape}/{}`) ? byAction.get(`POST ${shape}`) : undefined;
}

function shapeOf(path: string): string {
  return path
    .replace(/\{[^{}/]*\}/g, '{}')
    .replace(/\/+$/, '')
    .replace(/\.(?:json|xml)$/i, '');
}

/** The names of an action in the index: its own, and those of its opposites. */
function actionKeys({ method, path }: ListedOperation): readonly { own: string; others: readonly string[] }[] {
  const shape = shapeOf(path);
  // POST and DELETE of one path, such as `/issues/{id}/lock`.
  const crossed = { POST: 'DELETE', DELETE: 'POST' }[method as string];
  const byMethod = { own: `${method} ${shape}`, others: crossed === undefined ? [] : [`${crossed} ${shape}`] };
  const action = pathAction(shape.replaceAll('{}', '{p}'));
  if (action === undefined || method === 'GET') return [byMethod];
  const words = wordsOf(action.text);
  const keys = words.flatMap((word, at) => {
    if (!opposites.has(word)) return [];
    const rest = [...words.slice(0, at), '*', ...words.slice(at + 1)].join('_');
    const key = (verb: string) => `${action.before}${rest} ${verb}`;
    return [{ own: key(word), others: [...(opposites.get(word) ?? [])].map(key) }];
  });
  return [...keys, byMethod];
}
