// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of clients' files look like that.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sections } from '../../src/app.ts';
import { loadConfig, shownConfig } from '../../src/config/config.ts';
import { describeError } from '../../src/core/errors.ts';
import { wrapRulesOf } from '../../src/wrap/config.ts';
import { mcpServersSection, wrapSection } from '../../src/wrap/sections.ts';
import { withVariables } from '../../src/wrap/variables.ts';
import { temporaryFolder } from '../support/temporary.ts';

function load(settings: unknown) {
  const folder = temporaryFolder();
  const file = join(folder, 'mcp-once.json');
  writeFileSync(file, JSON.stringify(settings));
  return { folder, loading: loadConfig({ sections, environment: { HOME: folder }, overrides: { config: file } }) };
}

async function problemOf(settings: unknown): Promise<string> {
  return load(settings).loading.then(() => 'none', describeError);
}

describe('withVariables', () => {
  const entry = {
    command: '${BIN}/server',
    args: ['--key=${env:KEY}', '${NONE:-other}', '${input:asked}', '$KEY'],
    env: { TOKEN: '${KEY}' },
    url: 'https://${HOST}/mcp',
    headers: { Authorization: 'Bearer ${KEY}' },
  };

  test('expands variables once, as clients do, and keeps text of any other form', () => {
    const environment = { BIN: '/opt', KEY: '${BIN}', HOST: 'x', NONE: '' };
    expect(withVariables('a', entry, environment)).toEqual({
      command: '/opt/server',
      args: ['--key=${BIN}', 'other', '${input:asked}', '$KEY'],
      env: { TOKEN: '${BIN}' },
      url: 'https://x/mcp',
      headers: { Authorization: 'Bearer ${BIN}' },
    });
  });

  test('throws for an unset variable, and names server, field and variable', () => {
    expect(() => withVariables('a', entry, { BIN: '/opt', HOST: 'x' })).toThrow(
      /mcpServers\["a"\]\.args\[0\]: the variable KEY is not set.*Nothing was started/,
    );
  });

  test('accepts a URL with a variable, and does not show it', async () => {
    const { loading } = load({ mcpServers: { a: { url: 'https://${HOST}/mcp' }, b: { url: '${URL}' } } });
    const { mcpServers } = shownConfig(await loading, sections);
    expect(mcpServers).toMatchObject({ a: { url: '(with variables)' }, b: { url: '(with variables)' } });
  });
});

describe('mcpServers', () => {
  test('accepts the entries of clients, and ignores members of other programs', async () => {
    const { loading, folder } = load({
      mcpServers: {
        files: { command: 'npx', args: ['-y', 'x'], env: { A: 'b' }, cwd: 'here', disabled: false, alwaysAllow: ['a'] },
        remote: { type: 'http', url: 'https://x/mcp', headers: { A: 'b' }, mcpOnce: { account: 'work' } },
      },
    });
    const mcpServers = mcpServersSection.of(await loading);
    expect(mcpServers.files).toMatchObject({
      command: 'npx',
      args: ['-y', 'x'],
      env: { A: 'b' },
      cwd: join(folder, 'here'),
    });
    expect(mcpServers.remote?.mcpOnce).toEqual({ account: 'work', tools: {} });
  });

  test.each([
    [{ mcpServers: { a: {} } }, /mcpServers\.a: must have either command or url/],
    [{ mcpServers: { a: { command: 'x', url: 'https://x' } } }, /either command or url/],
    [{ mcpServers: { a: { command: 'x', type: 'sse' } } }, /mcpServers\.a\.type: does not match/],
    [
      { mcpServers: { a: { command: 'x', tools: { y: { class: 'off' } } } } },
      /mcpServers\.a\.tools: are rules .*"mcpOnce"/,
    ],
    [{ mcpServers: { a: { url: 'file:///etc/passwd' } } }, /mcpServers\.a\.url: must be a URL/],
    [{ mcpServers: { a: { command: 'x', mcpOnce: { trustAnnotation: 'all' } } } }, /did you mean "trustAnnotations"/],
    [{ wrap: { tools: { x: { windows: '1m' } } } }, /did you mean "window"/],
    [{ wrap: { tools: { x: { identity: ['id'] } } } }, /must be a JSON pointer/],
    [{ mcpServer: {} }, /did you mean "mcpServers"/],
  ])('refuses %j with a reason', async (settings, message) => {
    expect(await problemOf(settings)).toMatch(message);
  });

  test('shows no secret', async () => {
    const { loading } = load({
      mcpServers: {
        a: { command: 'x', args: ['--token', 's3cret'], env: { KEY: 's3cret' } },
        b: { url: 'https://u:s3cret@x/mcp?key=s3cret', headers: { Authorization: 's3cret' } },
      },
    });
    const shown = JSON.stringify(shownConfig(await loading, sections));
    expect(shown).not.toContain('s3cret');
    expect(shown).toMatch(/"KEY".*https:\/\/x\/mcp\?\.\.\..*"Authorization"/);
  });
});

test("merges a server's own rules after those for all, and prefers its own trust", async () => {
  const { loading } = load({
    wrap: { trustAnnotations: 'none', tools: { pay: { window: '5m', class: 'create' }, 'x*': { class: 'off' } } },
    mcpServers: { bank: { command: 'x', mcpOnce: { trustAnnotations: 'all', tools: { pay: { window: '1h' } } } } },
  });
  const config = await loading;
  const [wrap, mcpServers] = [wrapSection.of(config), mcpServersSection.of(config)];
  expect(wrapRulesOf(wrap)).toMatchObject({ trustAnnotations: 'none' });
  const rules = wrapRulesOf(wrap, mcpServers.bank?.mcpOnce);
  expect(rules.trustAnnotations).toBe('all');
  expect(rules.tools).toEqual({ 'x*': { class: 'off' }, pay: { class: 'create', windowMs: 3_600_000 } });
  expect(Object.keys(rules.tools)).toEqual(['x*', 'pay']);
  expect(wrapRulesOf({}, {}).trustAnnotations).toBe('readOnly');
});
