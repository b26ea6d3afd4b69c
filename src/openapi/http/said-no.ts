import { classifyErrorAnswer, type ErrorFacts } from '../../core/error-answers/classify.ts';
import { factsOfBody, type SaidNo, saidNo } from '../../core/error-answers/error-body.ts';
import { objectOf } from '../../core/json.ts';
import type { ProviderErrors } from '../policy/profiles.ts';
import { jsonBody } from './api-failure.ts';
import { echoOfRequest } from './effect-in-error.ts';
import { essenceOf, isJsonType } from './encode.ts';
import type { HttpRequest, HttpResponse } from './types.ts';

/** How the body of a 2xx response is judged. */
export interface SuccessRules {
  /** The errors of the provider; undefined for a provider without a profile of them. */
  readonly errors: ProviderErrors | undefined;
  /** Whether a body has the shape of the document's errors and not that of its successes. */
  readonly isDocumentedError: (body: unknown) => boolean;
}

/** A 2xx response whose body says no. */
interface RefusedSuccess {
  /** `refused`: nothing took effect. `doubt`: it may have. */
  readonly meaning: 'refused' | 'doubt';
  /** Whether the body is an error and nothing else. */
  readonly isOnlyError: boolean;
  readonly facts: ErrorFacts;
}

/** Returns what an error says whose response has a 2xx status; undefined for a success. */
export function judgeSuccess(
  response: HttpResponse,
  request: HttpRequest,
  { errors, isDocumentedError }: SuccessRules,
): RefusedSuccess | undefined {
  const type = response.headers['content-type'];
  if (type !== undefined && !isJsonType(essenceOf(type))) return undefined;
  const body = jsonBody(response);
  if (typeof body !== 'object' || body === null) return undefined;
  const own = ownRefusal(body, errors);
  if (own !== undefined) return own;
  const said = saidNo(body, echoOfRequest(request)) ?? documentedNo(body, isDocumentedError);
  if (said === undefined) return undefined;
  const { facts, isOnlyError, isBeforeExecution } = said;
  const meaning = isBeforeExecution ? 'refused' : classifyErrorAnswer(facts).type;
  return { meaning, isOnlyError, facts };
}

/** A provider that documents its codes refuses definitely with each of them, but for those that it calls unclear. */
function ownRefusal(body: object, errors: ProviderErrors | undefined): RefusedSuccess | undefined {
  if (errors === undefined || objectOf(body)[errors.member] !== false) return undefined;
  const facts = factsOfBody(body);
  const code = objectOf(body)[errors.codeMember];
  const isClear = typeof code === 'string' && !errors.doubtCodes.includes(code);
  return { meaning: isClear ? 'refused' : 'doubt', isOnlyError: true, facts };
}

function documentedNo(body: object, isDocumentedError: (body: unknown) => boolean): SaidNo | undefined {
  if (!isDocumentedError(body)) return undefined;
  // The document names the members as it likes, so every text counts.
  const facts = factsOfBody({ errors: [body, ...Object.values(body).filter((each) => typeof each === 'string')] });
  return { facts, isOnlyError: true, isBeforeExecution: false };
}
