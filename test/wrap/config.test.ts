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

describe('variables of entries', () => {
  const entry = {
    command: '${BIN}/server',
    args: ['--key=${env:KEY}', '${NONE:-other}', '${input:asked}', '$KEY'],
    env: { TOKEN: '${KEY}' },
    url: 'https://${HOST}/mcp',
    headers: { Authorization: 'Bearer ${KEY}' },
  };

  test('are filled in as clients do, once, and what has another form stays', () => {
    const environment = { BIN: '/opt', KEY: '${BIN}', HOST: 'x', NONE: '' };
    expect(withVariables('a', entry, environment)).toEqual({
      command: '/opt/server',
      args: ['--key=${BIN}', 'other', '${input:asked}', '$KEY'],
      env: { TOKEN: '${BIN}' },
      url: 'https://x/mcp',
      headers: { Authorization: 'Bearer ${BIN}' },
    });
  });

  test('one that is not set ends the start, and the message names server, place and variable', () => {
    expect(() => withVariables('a', entry, { BIN: '/opt', HOST: 'x' })).toThrow(
      /mcpServers\["a"\]\.args\[0\]: the variable KEY is not set.*Nothing was started/,
    );
  });

  test('a URL that holds one is taken, and shown without it', async () => {
    const { loading } = load({ mcpServers: { a: { url: 'https://${HOST}/mcp' }, b: { url: '${URL}' } } });
    const { mcpServers } = shownConfig(await loading, sections);
    expect(mcpServers).toMatchObject({ a: { url: '(with variables)' }, b: { url: '(with variables)' } });
  });
});

describe('mcpServers', () => {
  test('takes the entries of clients, and passes over what other programs keep there', async () => {
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
    [{ mcpServers: { a: { command: 'x', type: 'sse' } } }, /mcpServers\.a\.type: does not fit/],
    [{ mcpServers: { a: { url: 'file:///etc/passwd' } } }, /mcpServers\.a\.url: must be a URL/],
    [{ mcpServers: { a: { command: 'x', mcpOnce: { trustAnnotation: 'all' } } } }, /did you mean "trustAnnotations"/],
    [{ wrap: { tools: { x: { windows: '1m' } } } }, /did you mean "window"/],
    [{ wrap: { tools: { x: { identity: ['id'] } } } }, /must be a JSON pointer/],
    [{ mcpServer: {} }, /did you mean "mcpServers"/],
  ])('%j is refused and says why', async (settings, message) => {
    expect(await problemOf(settings)).toMatch(message);
  });

  test('no secret of it is shown', async () => {
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

test("a server's own rules come after those for all, and its trust before it", async () => {
  const { loading } = load({
    wrap: { trustAnnotations: 'none', tools: { pay: { window: '5m', match: 'identical' }, 'x*': { match: 'off' } } },
    mcpServers: { bank: { command: 'x', mcpOnce: { trustAnnotations: 'all', tools: { pay: { window: '1h' } } } } },
  });
  const config = await loading;
  const [wrap, mcpServers] = [wrapSection.of(config), mcpServersSection.of(config)];
  expect(wrapRulesOf(wrap)).toMatchObject({ trustAnnotations: 'none' });
  const rules = wrapRulesOf(wrap, mcpServers.bank?.mcpOnce);
  expect(rules.trustAnnotations).toBe('all');
  expect(rules.tools).toEqual({ 'x*': { match: 'off' }, pay: { match: 'identical', windowMs: 3_600_000 } });
  expect(Object.keys(rules.tools)).toEqual(['x*', 'pay']);
  expect(wrapRulesOf({}, {}).trustAnnotations).toBe('readOnly');
});
