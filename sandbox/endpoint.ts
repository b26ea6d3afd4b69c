import type Stripe from 'stripe';
import { z } from 'zod';
import { type Answer, ok } from './api-error.ts';
import type { FormHash } from './form.ts';
import type { Objects, Page } from './objects.ts';
import { parseParams } from './params.ts';

/** The context of a running endpoint. Its writes commit together or not at all. */
export interface Call {
  readonly objects: Objects;
  readonly account: string;
  readonly livemode: boolean;
  /** The sandbox's clock in milliseconds; `now` is in seconds, as in Stripe's objects. */
  readonly nowMs: number;
  readonly now: number;
  /** The sandbox's origin, for links. */
  readonly origin: string;
  newId(prefix: string): string;
  /** Records an effect, so that tests can count effects at the upstream. */
  effect(action: string, objectId: string): void;
}

/** One method and path of the API. */
export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Such as `/v1/invoices/:id/lines`. */
  readonly path: string;
  /** Validates the parameters and returns the execution. @throws ApiError with nothing saved. */
  prepare(params: FormHash, id: string): (call: Call) => Answer;
}

/**
 * The JSON of an SDK type: the same, except that a `Decimal` is text on the wire.
 */
export type WireFormat<T> = T extends Stripe.Decimal
  ? string
  : T extends ReadonlyArray<infer Item>
    ? WireFormat<Item>[]
    : T extends object
      ? { [K in keyof T]: WireFormat<T[K]> }
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

/** Returns a list object. */
export function listObject<T>(
  url: string,
  data: T[],
  hasMore: boolean,
): { object: 'list'; data: T[]; has_more: boolean; url: string } {
  return { object: 'list', data, has_more: hasMore, url };
}

/** Returns a list object for one page of records. */
export function pageOf<T, V>(url: string, page: Page<T>, view: (record: T) => V) {
  return listObject(url, page.records.map(view), page.hasMore);
}

function isAnswer(result: Answer | object): result is Answer {
  return 'effects' in result && 'status' in result && 'body' in result;
}
