import { describe, expect, test } from 'vitest';
import { classifyErrorAnswer } from '../../../src/core/error-answers/classify.ts';
import { keyTroubleIn, keyTroubleOf } from '../../../src/core/error-answers/used-key.ts';

const used = [
  'Keys for idempotent requests can only be used with the same parameters they were first used with.',
  "Keys for idempotent requests can only be used for the same endpoint they were first used for ('/v1/a' vs '/v1/b').",
  'IDEMPOTENCY_KEY_REUSED',
  'IdempotentParameterMismatch: the request uses the same client token as a previous, but non-identical request',
  'DUPLICATE_REQUEST_ID',
  'Idempotency-Key is already used',
  'This idempotency key was used before with a different payload',
  'A different request with this idempotency key exists',
];
const busy = [
  'There is currently another in-progress request using this Stripe Idempotency Key',
  'A request is outstanding for this Idempotency-Key',
  'idempotency_key_in_use',
];
const other = ['Idempotency-Key is required', 'The customer was used before', 'Request ID req_1: already exists', ''];

describe('an error about the idempotency key', () => {
  test.each(used)('tells that the key came with another request: %s', (text) => {
    expect(keyTroubleIn(text)).toBe('used');
    expect(keyTroubleOf(new Error('failed', { cause: new Error(text) }))).toBe('used');
    expect(classifyErrorAnswer({ texts: [text] }).type).toBe('doubt');
    expect(classifyErrorAnswer({ texts: ['no'], codes: [text], status: 422 }).type).toBe('doubt');
  });

  test.each(busy)('tells that a request is under way: %s', (text) => {
    expect(keyTroubleIn(text)).toBe('busy');
    expect(classifyErrorAnswer({ texts: [text], status: 409 }).type).toBe('doubt');
  });

  test.each(other)('tells nothing else: %s', (text) => {
    expect(keyTroubleIn(text)).toBeUndefined();
  });
});
