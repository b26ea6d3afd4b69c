import { describe, expect, test } from 'vitest';
import { clientIdOf, keyValue } from '../../../src/openapi/policy/idempotency-key.ts';
import { chooseProfile } from '../../../src/openapi/policy/profiles.ts';

const hour = 3_600_000;
const uuid = '5f9c1c1e-1a2b-8c3d-9e4f-0123456789ab';

describe('a provider profile', () => {
  test.each([
    ['api.stripe.com', 'stripe', 24 * hour],
    ['api-m.paypal.com', 'paypal', 3 * hour],
    ['api-m.sandbox.paypal.com', 'paypal', 3 * hour],
    ['connect.squareup.com', 'square', 24 * hour],
    ['checkout-test.adyen.com', 'adyen', 168 * hour],
    ['production.plaid.com', 'plaid', 24 * hour],
    ['api.eu.svix.com', 'svix', 12 * hour],
    ['ec2.eu-west-1.amazonaws.com', 'aws', hour / 6],
    ['slack.com', 'slack', 0],
    ['example.com', 'generic', 24 * hour],
    ['notpaypal.com', 'generic', 24 * hour],
    ['api.stripe.com.evil.example', 'generic', 24 * hour],
  ])('is chosen by the host: %s is %s, with a memory of %i ms', (host, name, memoryMs) => {
    expect(chooseProfile(host)).toMatchObject({ name, memoryMs });
  });

  test('is chosen by name before the host, and an unknown name is rejected with a suggestion', () => {
    expect(chooseProfile('example.com', 'adyen').name).toBe('adyen');
    expect(chooseProfile('example.com', 'ietf').quoting).toBe('quoted');
    expect(() => chooseProfile('example.com', 'strip')).toThrow(/did you mean "stripe"/);
    expect(() => chooseProfile('example.com', 'acme')).toThrow(/use one of: stripe, paypal/);
  });

  test('names its source and accepts keys of at least 36 characters', () => {
    for (const name of ['stripe', 'paypal', 'square', 'adyen', 'plaid', 'svix', 'aws', 'ietf', 'generic']) {
      const profile = chooseProfile('example.com', name);
      expect(profile.source).toMatch(/^https:\/\//);
      expect(profile.keyCharsMax).toBeGreaterThanOrEqual(36);
    }
  });
});

describe('a derived key', () => {
  const key = { in: 'header', name: 'K', memoryMs: 1, inUseStatuses: [] } as const;

  test('loses its hyphens and is then cut if it is too long, and is quoted if required', () => {
    expect(keyValue({ ...key, quoting: 'bare', keyCharsMax: 36 }, uuid)).toBe(uuid);
    expect(keyValue({ ...key, quoting: 'quoted', keyCharsMax: 64 }, uuid)).toBe(`"${uuid}"`);
    expect(keyValue({ ...key, quoting: 'bare', keyCharsMax: 35 }, uuid)).toBe(uuid.replaceAll('-', ''));
    expect(keyValue({ ...key, quoting: 'bare', keyCharsMax: 20 }, uuid)).toBe('5f9c1c1e1a2b8c3d9e4f');
  });

  test('becomes the UUID of a resource, without hyphens if it has to be shorter', () => {
    const marker = `mcp_once_${uuid.replaceAll('-', '')}`;
    expect(clientIdOf(marker, Number.POSITIVE_INFINITY)).toBe(uuid);
    expect(clientIdOf(marker, 35)).toBe(uuid.replaceAll('-', ''));
  });
});
