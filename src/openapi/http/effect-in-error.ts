import { tellsEffect, tellsEffectBeside } from '../../core/error-answers/clauses.ts';
import { echoOf, type IsEcho } from '../../core/error-answers/effect-members.ts';
import { effectSignsOf } from '../../core/error-answers/error-body.ts';
import { tellsForeignEffect } from '../../core/error-answers/foreign-texts.ts';
import { tellsPart } from '../../core/error-answers/parts-done.ts';
import { jsonBody } from './api-failure.ts';
import type { HttpRequest, HttpResponse } from './types.ts';

const textCharsMax = 4_096;
/** Statuses whose texts tell of the state of a resource: "the item was changed by another user". */
const stateStatuses: ReadonlySet<number> = new Set([409, 412, 423, 428]);
/** Statuses whose answers often refer to a resource that was there before. */
const contextStatuses: ReadonlySet<number> = new Set([401, 402, 403, 407, ...stateStatuses]);

/**
 * Whether an answer with a status of refusal tells an effect all the same, as "Order 12 was created, but its e-mail could
 * not be sent" does. A body without such a sign leaves the meaning to the status.
 */
export function tellsEffectInError(response: HttpResponse, excerpt: string, request: HttpRequest): boolean {
  const { status } = response;
  const { texts, tells, refers } = effectSignsOf(jsonBody(response), echoOfRequest(request));
  if (tells || (refers && !contextStatuses.has(status))) return true;
  return [excerpt, ...texts].some((text) => tellsEffectDespite(text.slice(0, textCharsMax), status));
}

/** The values in the address and in a JSON body of a request. */
export function echoOfRequest({ url, body }: HttpRequest): IsEcho {
  const { pathname, searchParams } = new URL(url);
  return echoOf(pathname.split('/').map(decoded), [...searchParams.values()], jsonOf(body));
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function jsonOf(body: HttpRequest['body']): unknown {
  if (typeof body !== 'string') return undefined;
  try {
    return JSON.parse(body);
  } catch {
    return [...new URLSearchParams(body).values()];
  }
}

/** A clause that contrasts tells what happened. Without one, a participle may be the state that is the reason. */
function tellsEffectDespite(text: string, status: number): boolean {
  if (tellsPart(text) || tellsForeignEffect(text)) return true;
  // A limit may be met on the way: "30 went out, then rate limited".
  if (status === 429 && tellsEffectBeside(text, false)) return true;
  const isAbsent = status === 404 || status === 410;
  if (/\b(?:but|however|although|though)\b|;/i.test(text)) return tellsEffect(text, isAbsent);
  if (stateStatuses.has(status) || /\b(?:already|since|another|previous(?:ly)?|earlier|because)\b/i.test(text))
    return false;
  return /\b(?:was|were|been|got|successfully)\b/i.test(text) && tellsEffect(text, true);
}
