import { describe, expect, test } from 'vitest';
import { clientIdOf, keyValue } from '../../../src/openapi/policy/key-value.ts';
import { chooseProfile } from '../../../src/openapi/policy/profiles.ts';

const hour = 3_600_000;
const uuid = '5f9c1c1e-1a2b-8c3d-9e4f-0123456789ab';

describe('provider profiles', () => {
  test.each([
    ['api.stripe.com', 'stripe', 24 * hour],
    ['api-m.paypal.com', 'paypal', 3 * hour],
    ['api-m.sandbox.paypal.com', 'paypal', 3 * hour],
    ['connect.squareup.com', 'square', 24 * hour],
    ['checkout-test.adyen.com', 'adyen', 168 * hour],
    ['production.plaid.com', 'plaid', 24 * hour],
    ['api.eu.svix.com', 'svix', 12 * hour],
    ['ec2.eu-west-1.amazonaws.com', 'aws', hour / 6],
    ['example.com', 'generic', 24 * hour],
    ['notpaypal.com', 'generic', 24 * hour],
    ['api.stripe.com.evil.example', 'generic', 24 * hour],
  ])('%s is %s, which remembers for %i ms', (host, name, memoryMs) => {
    expect(chooseProfile(host)).toMatchObject({ name, memoryMs });
  });

  test('a name goes before the host, and a misspelt one is suggested', () => {
    expect(chooseProfile('example.com', 'adyen').name).toBe('adyen');
    expect(chooseProfile('example.com', 'ietf').quoting).toBe('quoted');
    expect(() => chooseProfile('example.com', 'strip')).toThrow(/did you mean "stripe"/);
    expect(() => chooseProfile('example.com', 'acme')).toThrow(/there are: stripe, paypal/);
  });

  test('each profile says where its figures come from, and takes a UUID or enough of one', () => {
    for (const name of ['stripe', 'paypal', 'square', 'adyen', 'plaid', 'svix', 'aws', 'ietf', 'generic']) {
      const profile = chooseProfile('example.com', name);
      expect(profile.source).toMatch(/^https:\/\//);
      expect(profile.keyCharsMax).toBeGreaterThanOrEqual(36);
    }
  });
});

describe('the key as a provider takes it', () => {
  const key = { in: 'header', name: 'K', memoryMs: 1, inUseStatuses: [] } as const;

  test('is cut where it is too long, without its hyphens first, and quoted where that is wanted', () => {
    expect(keyValue({ ...key, quoting: 'bare', keyCharsMax: 36 }, uuid)).toBe(uuid);
    expect(keyValue({ ...key, quoting: 'quoted', keyCharsMax: 64 }, uuid)).toBe(`"${uuid}"`);
    expect(keyValue({ ...key, quoting: 'bare', keyCharsMax: 35 }, uuid)).toBe(uuid.replaceAll('-', ''));
    expect(keyValue({ ...key, quoting: 'bare', keyCharsMax: 20 }, uuid)).toBe('5f9c1c1e1a2b8c3d9e4f');
  });

  test('as an id is a UUID made of the marker, without hyphens where there is no room', () => {
    const marker = `mcp_once_${uuid.replaceAll('-', '')}`;
    expect(clientIdOf(marker, Number.POSITIVE_INFINITY)).toBe(uuid);
    expect(clientIdOf(marker, 35)).toBe(uuid.replaceAll('-', ''));
  });
});
