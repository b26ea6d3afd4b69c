import type Stripe from 'stripe';
import { z } from 'zod';
import { type Answer, invalidParameter, ok } from './api-error.ts';
import type { FormHash } from './form.ts';
import type { Kind, Objects, Page } from './objects.ts';
import { integer, list, parseParams, text } from './params.ts';
import { parseSearch, type SearchFields } from './search.ts';

/** What a running endpoint has at hand. Everything it writes commits together, or not at all. */
export interface Call {
  readonly objects: Objects;
  readonly account: string;
  readonly livemode: boolean;
  /** The sandbox's clock, in milliseconds, and in seconds as Stripe's objects carry it. */
  readonly nowMs: number;
  readonly now: number;
  /** Origin of this sandbox, for the links it hands out. */
  readonly origin: string;
  /** How far search lags behind, in milliseconds: Stripe's search is not read-after-write. */
  readonly searchLagMs: number;
  newId(prefix: string): string;
  /** Notes a side effect in the data, so that it can be counted at the upstream. */
  effect(action: string, objectId: string): void;
}

/** One method and path of the API. */
export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Such as `/v1/invoices/:id/lines`. */
  readonly path: string;
  /** Validates; what it returns is the execution. @throws ApiError, with nothing saved. */
  prepare(params: FormHash, id: string): (call: Call) => Answer;
}

/**
 * What goes over the wire for a type of the SDK: the same, but that the SDK makes its `Decimal`
 * from text when it arrives.
 */
export type Wire<T> = T extends Stripe.Decimal
  ? string
  : T extends ReadonlyArray<infer Item>
    ? Wire<Item>[]
    : T extends object
      ? { [K in keyof T]: Wire<T[K]> }
      : T;

/** Makes an endpoint of a parameter schema and what to do; `expand` is taken everywhere. */
export function endpoint<S extends z.ZodRawShape>(
  method: Endpoint['method'],
  path: string,
  shape: S,
  run: (call: Call, params: z.output<z.ZodObject<S>>, id: string) => Answer | object,
): Endpoint {
  const schema = z.strictObject({ ...shape });
  return {
    method,
    path,
    prepare(given, id) {
      const { expand, ...rest } = given;
      const paths = expand === undefined ? [] : parseParams(expandSchema, { expand }).expand;
      const params = parseParams(schema, rest);
      return (call) => {
        const result = run(call, params, id);
        const answer = isAnswer(result) ? result : ok(result);
        return answer.status === 200 && paths.length > 0 ? { ...answer, expand: paths } : answer;
      };
    },
  };
}

const expandSchema = z.object({ expand: list(text(200), 20) });

/** A list object of views. */
export function listOf<T>(
  url: string,
  data: T[],
  hasMore: boolean,
): { object: 'list'; data: T[]; has_more: boolean; url: string } {
  return { object: 'list', data, has_more: hasMore, url };
}

/** A list object of one page of records. */
export function pageOf<T, V>(url: string, page: Page<T>, view: (record: T) => V) {
  return listOf(url, page.records.map(view), page.hasMore);
}

/** `GET /v1/<kind>/search`: query, limit, and `page` to go on. */
export function searchEndpoint<T extends { id: string }, V>(
  path: string,
  kind: Kind<T>,
  fields: SearchFields,
  view: (call: Call, record: T) => V,
): Endpoint {
  const shape = { query: text(), limit: integer(1, 100).optional(), page: text(50).optional() };
  return endpoint('GET', path, shape, (call, params) => {
    const found = call.objects.search(kind, parseSearch(params.query, fields), {
      limit: params.limit ?? 10,
      beforeSeq: params.page === undefined ? Number.MAX_SAFE_INTEGER : seqOfPage(params.page),
      createdByMs: call.nowMs - call.searchLagMs,
    });
    return {
      object: 'search_result',
      data: found.records.map((record) => view(call, record)),
      has_more: found.hasMore,
      next_page: found.hasMore ? Buffer.from(`seq:${found.lastSeq}`).toString('base64url') : null,
      url: path,
    } satisfies Omit<Stripe.ApiSearchResult<V>, 'next_page'> & { next_page: string | null };
  });
}

function seqOfPage(page: string): number {
  const seq = /^seq:(\d{1,15})$/.exec(Buffer.from(page, 'base64url').toString())?.[1];
  if (seq === undefined) throw invalidParameter('This page is not one that a search handed out.', 'page');
  return Number(seq);
}

function isAnswer(result: Answer | object): result is Answer {
  return 'effects' in result && 'status' in result && 'body' in result;
}
