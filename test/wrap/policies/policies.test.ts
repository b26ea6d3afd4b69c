import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { judgeServers, readLists } from '../../../scripts/server-policies.mjs';
import { serverPolicies } from '../../../src/wrap/policies/index.ts';
import { parsePath } from '../../../src/wrap/policy/path.ts';
import { decideGuard } from '../../../src/wrap/policy/policy.ts';
import { findPolicy, policyRuleFor } from '../../../src/wrap/policy/server-policy.ts';
import type { McpTool, WrapRule } from '../../../src/wrap/policy/types.ts';
import { outcomeOf, RawClient, runWrap, stage, wrapArgs } from '../support/wrap.ts';

const lists = readLists();
const known = fileURLToPath(new URL('../support/known-server.mjs', import.meta.url));

function listOf(name: string) {
  const found = lists.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no list ${name}`);
  const tools = found.tools.map(({ tool }) => tool);
  const policy = findPolicy(serverPolicies, { name: found.server, tools: new Set(tools.map((tool) => tool.name)) });
  const decided = (tool: string, rules: Record<string, WrapRule> = {}, more: Partial<McpTool> = {}) => {
    const listed = tools.find((each) => each.name === tool);
    if (listed === undefined) throw new Error(`no tool ${tool}`);
    return decideGuard({ ...listed, ...more }, { trustAnnotations: 'readOnly', tools: rules }, policy);
  };
  return { server: found.server, tools, policy, decided };
}

describe('shipped policies', () => {
  test.each(serverPolicies.map(({ name }) => name))('%s is found by its list, and names only tools of it', (name) => {
    const { policy, tools } = listOf(name);
    expect(policy?.name).toBe(name);
    const names = tools.map((tool) => tool.name);
    expect(names).toEqual(expect.arrayContaining([...(policy?.tools ?? []), ...Object.keys(policy?.rules ?? {})]));
    for (const tool of tools) {
      const rule = policyRuleFor(policy, tool);
      const properties = Object.keys((tool.inputSchema.properties ?? {}) as object);
      const places = [...(rule?.ignore ?? []), ...(rule?.identity ?? []), ...Object.keys(rule?.reads ?? {})];
      for (const place of places) expect(properties).toContain(parsePath(place)?.[0]);
    }
  });

  test('decide at least 95 % of the tools right, and let no write pass without an annotation', () => {
    const servers = judgeServers({ decideGuard, findPolicy, serverPolicies });
    const wrong = servers.flatMap((each) => each.wrong);
    const tools = servers.reduce((total, each) => total + each.tools, 0);
    expect(tools).toBeGreaterThan(900);
    expect(wrong.length / tools).toBeLessThanOrEqual(0.05);
    expect(servers.flatMap((each) => each.unguarded)).toEqual([]);
  });

  test('make no tool pass that was judged a write', () => {
    for (const { name, tools } of lists) {
      const { policy } = listOf(name);
      for (const { right, tool } of tools) {
        if (policyRuleFor(policy, tool)?.class === 'off')
          expect([name, tool.name, right]).toEqual([name, tool.name, 'read']);
      }
    }
  });

  test('do not apply to another server of that name', () => {
    const { server, tools } = listOf('playwright');
    const found = (names: readonly string[], name: string | undefined = server) =>
      findPolicy(serverPolicies, { name, tools: new Set(names) })?.name;
    const names = tools.map((tool) => tool.name);
    expect(found(names)).toBe('playwright');
    expect(found(names, 'PLAYWRIGHT ')).toBe('playwright');
    expect(found(['browser_click', 'send_money'])).toBeUndefined();
    expect(found([])).toBeUndefined();
    expect(found(names, 'other')).toBeUndefined();
    expect(findPolicy(serverPolicies, { name: undefined, tools: new Set(names) })).toBeUndefined();
  });

  test('tell two servers of one name apart by their tools', () => {
    expect(listOf('github').server).toBe(listOf('github-reference').server);
    expect(listOf('github').policy?.name).toBe('github');
    expect(listOf('github-reference').policy?.name).toBe('github-reference');
  });

  test('say why, and yield to the rules of a user', () => {
    const { decided } = listOf('notion');
    const why = { because: 'policy', why: 'policy notion' };
    expect(decided('API-post-search')).toMatchObject({ type: 'pass', ...why });
    expect(decided('API-patch-block-children')).toMatchObject({ class: 'repeatable', ...why });
    const own = { because: 'configuration' };
    expect(decided('API-post-search', { 'API-post-*': { class: 'create' } })).toMatchObject({
      class: 'create',
      ...own,
    });
    expect(decided('API-post-search', { 'API-post-search': { identity: ['/query'] } })).toMatchObject({
      type: 'guard',
      ...own,
    });
    expect(decided('API-patch-block-children', { 'API-patch-block-children': { class: 'off' } })).toMatchObject({
      type: 'pass',
      ...own,
    });
    expect(decided('API-patch-block-children', { '*': { windowMs: 5 } })).toMatchObject({
      class: 'repeatable',
      windowMs: 5,
    });
  });

  test('do not let a tool pass that has gained an argument', () => {
    const { decided } = listOf('notion');
    const properties = { query: { type: 'string' }, action: { type: 'string' } };
    expect(decided('API-post-search', {}, { inputSchema: { type: 'object', properties } })).toMatchObject({
      type: 'guard',
    });
    const hidden = { type: 'object', allOf: [{ properties: { action: {} } }] };
    expect(decided('API-post-search', {}, { inputSchema: hidden })).toMatchObject({ type: 'guard' });
  });
});

describe('a running server', () => {
  async function start(name: string, serverName: string, paged = false) {
    const { folder, store, env, effects } = stage();
    const file = join(folder, 'server.json');
    writeFileSync(file, JSON.stringify({ name: serverName, tools: listOf(name).tools, pageSize: paged ? 3 : 1_000 }));
    const environment = { ...env, KNOWN: file };
    const client = new RawClient(wrapArgs(store, [known]), environment);
    await client.initialize();
    return { client, effects, environment };
  }

  test.each([false, true])('gets its policy (list in pages: %s)', async (paged) => {
    const { client, effects } = await start('notion', 'Notion API', paged);
    for (let count = 0; count < 2; count += 1) {
      const { result } = await client.call('API-post-search', { query: 'a' });
      expect(outcomeOf(result)).toBeUndefined();
    }
    expect(effects()).toHaveLength(2);
    const post = { parent: {}, properties: {} };
    expect(outcomeOf((await client.call('API-post-page', post)).result)).toMatchObject({ replayed: false });
    expect(outcomeOf((await client.call('API-post-page', post)).result)).toMatchObject({ replayed: true });
    expect(effects()).toHaveLength(3);
  });

  test('does not get the policy of another name', async () => {
    const { client, effects } = await start('notion', 'Notes');
    await client.call('API-post-search', { query: 'a' });
    expect(outcomeOf((await client.call('API-post-search', { query: 'a' })).result)).toMatchObject({ replayed: true });
    expect(effects()).toHaveLength(1);
  });

  test('counts two clicks with other words for one element as one click', async () => {
    const { client, effects } = await start('playwright', 'Playwright');
    await client.call('browser_click', { element: 'the Pay button', target: 'e7' });
    const { result } = await client.call('browser_click', { element: 'Button "Pay now"', target: 'e7' });
    expect(outcomeOf(result)).toMatchObject({ replayed: true });
    expect(effects()).toHaveLength(1);
  });

  test('is named by --explain', async () => {
    const { environment } = await start('redis', 'Redis MCP Server');
    const { stdout } = await runWrap(['--explain', '--', process.execPath, known], environment);
    expect(stdout).toMatch(/^scan_keys +passes +policy redis$/m);
    expect(stdout).toContain('The policy redis applies.');
  });
});
