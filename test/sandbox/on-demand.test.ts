import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openClientVariables, shownClientVariables } from '../../src/cli/sandbox.ts';
import { type Environment, loadConfig } from '../../src/config/config.ts';
import { createLog } from '../../src/core/observe/log.ts';
import { stripe } from '../../tools/clients/stripe.ts';
import { temporaryFolder } from '../support/temporary.ts';

async function variablesIn(folder: string, added: Environment = {}, settings: object = {}) {
  const environment = { HOME: folder, XDG_DATA_HOME: folder, LOCALAPPDATA: folder, ...added };
  const file = join(folder, 'config.json');
  writeFileSync(file, JSON.stringify(settings));
  const config = await loadConfig({ environment, overrides: { config: file } });
  const variables = await openClientVariables(environment, config, createLog({ level: 'silent' }));
  onTestFinished(() => variables.close());
  return { environment, config, variables };
}

const dataFileIn = (folder: string) => join(folder, 'mcp-once', 'sandbox.sqlite');

test('the local invoicing API opens its data file with the first request', async () => {
  const folder = temporaryFolder();
  const { variables } = await variablesIn(folder);
  const client = await stripe.configure(variables.environment).open();
  expect(existsSync(dataFileIn(folder))).toBe(false);
  expect((await client.customers.create({ name: 'Ada' })).id).toMatch(/^cus_/);
  expect(existsSync(dataFileIn(folder))).toBe(true);
});

test('its upstream is the same after a restart on another port, and in config check', async () => {
  const folder = temporaryFolder();
  const [first, second] = [await variablesIn(folder), await variablesIn(folder)];
  const upstreamOf = (environment: Environment) => stripe.configure(environment).upstream;
  const { STRIPE_API_BASE: origin } = first.variables.environment;
  expect(second.variables.environment.STRIPE_API_BASE).not.toBe(origin);
  expect(upstreamOf(second.variables.environment)).toEqual(upstreamOf(first.variables.environment));
  const shown = await shownClientVariables(first.environment, first.config);
  expect(upstreamOf(shown)).toEqual(upstreamOf(first.variables.environment));
  const other = await variablesIn(temporaryFolder());
  expect(upstreamOf(other.variables.environment)).not.toEqual(upstreamOf(first.variables.environment));
});

test.each([
  ['a Stripe key', { STRIPE_SECRET_KEY: 'sk_test_1' }, {}],
  ['an API base', { STRIPE_API_BASE: 'http://127.0.0.1:1' }, {}],
  ['sandbox: false', {}, { sandbox: false }],
  ['bundledTools: false', {}, { bundledTools: false }],
])('it is not started with %s', async (_, added, settings) => {
  const { environment, variables } = await variablesIn(temporaryFolder(), added, settings);
  expect(variables.environment).toEqual(environment);
});

test('an account of Stripe in the environment does not reach it', async () => {
  const { variables } = await variablesIn(temporaryFolder(), { STRIPE_ACCOUNT: 'acct_mine' });
  const client = await stripe.configure(variables.environment).open();
  expect((await client.customers.create({ name: 'Ada' })).id).toMatch(/^cus_/);
});

test('a request is not executed while its data file cannot be opened, and the next one tries again', async () => {
  const folder = temporaryFolder();
  mkdirSync(dataFileIn(folder), { recursive: true });
  const { variables } = await variablesIn(folder);
  const client = await stripe.configure(variables.environment).open();
  const error = await client.customers.create({ name: 'Ada' }).catch((reason: unknown) => reason);
  expect(stripe.classify(error)).toBe('not_executed');
  expect(String(error)).toContain('cannot use its data file');
  rmSync(dataFileIn(folder), { recursive: true });
  expect((await client.customers.create({ name: 'Ada' })).id).toMatch(/^cus_/);
});
