import type Stripe from 'stripe';
import { z } from 'zod';
import { type Answer, ok } from './api-error.ts';
import type { FormHash } from './form.ts';
import type { Objects, Page } from './objects.ts';
import { parseParams } from './params.ts';

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
  newId(prefix: string): string;
  /** Notes a side effect in the data, so that it can be counted at the upstream. */
  effect(action: string, objectId: string): void;
}

/** One method and path of the API. */
export interface Endpoint {
  readonly method: 'GET' | 'POST';
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

/** Makes an endpoint from a parameter schema and what it does. */
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
      const params = parseParams(schema, given);
      return (call) => {
        const result = run(call, params, id);
        return isAnswer(result) ? result : ok(result);
      };
    },
  };
}

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

function isAnswer(result: Answer | object): result is Answer {
  return 'effects' in result && 'status' in result && 'body' in result;
}
