// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of client files look like that.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { expect, test } from 'vitest';
import { isInNpxCache, ownWords } from '../../../src/wrap/clients/own-command.ts';
import { settingsValueOf } from '../../../src/wrap/clients/text/node.ts';
import { readToml } from '../../../src/wrap/clients/text/toml.ts';
import { readYaml } from '../../../src/wrap/clients/text/yaml.ts';
import { runWith } from '../../support/run-here.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { serving } from '../support/http.ts';
import { impostor, type Message, RawClient } from '../support/wrap.ts';

/** Writes a client's file, rewrites it with the command, and returns its text. */
function written(name: string, source: string) {
  const home = temporaryFolder();
  const file = join(home, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, source);
  const run = async (...args: string[]) => {
    const { PATH = '' } = process.env;
    const { code, stdout, stderr } = await runWith({ HOME: home, PATH }, home, ['wrap', ...args]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout;
  };
  return { home, run, text: () => readFileSync(file, 'utf8'), files: () => readdirSync(dirname(file)) };
}

test('writes absolute paths, with which a server starts without a PATH', async () => {
  const server = { command: process.execPath, args: [impostor], env: { TOKEN: 'x' } };
  const source = JSON.stringify({ mcpServers: { mine: server } });
  const { home, run, text, files } = written('.cursor/mcp.json', source);
  expect(await run('--client', 'auto')).toMatch(/^cursor .*mcp\.json +mine +not guarded$/m);
  await run('--client', 'cursor', '--write');
  const { command, args, env } = JSON.parse(text()).mcpServers.mine;
  expect([isAbsolute(command), isAbsolute(args[0])]).toEqual([true, true]);
  // The client starts what the file says: its program is node.
  const client = new RawClient(args, { ...env, HOME: home, PATH: '' });
  await client.initialize();
  const answer: Message = await client.call('get_environment', {});
  expect(JSON.parse(answer.result.content[0].text)).toMatchObject({ TOKEN: 'x' });
  expect(await run('--client', 'auto')).toMatch(/^cursor .*mcp\.json +mine +guarded$/m);
  await run('--client', 'auto', '--all', '--undo');
  expect(text()).toBe(source);
  expect(files()).toEqual(['mcp.json']);
});

test.each([
  [
    'Codex',
    '.codex/config.toml',
    (url: string) =>
      `[mcp_servers.api]\nurl = "${url}"\nbearer_token_env_var = "API_TOKEN"\nenv_http_headers = { X-Key = "API_KEY" }\n`,
    (text: string): Message => (settingsValueOf(readToml(text)) as Message).mcp_servers.api,
  ],
  [
    'Goose',
    '.config/goose/config.yaml',
    (url: string) =>
      `extensions:\n  api:\n    type: streamable_http\n    uri: ${url}\n    headers:\n      Authorization: Bearer $API_TOKEN\n      X-Key: \${API_KEY}\n    env_keys: [API_TOKEN, API_KEY]\n`,
    (text: string): Message => (settingsValueOf(readYaml(text)) as Message).extensions.api,
  ],
])('sends the headers that %s takes from variables', async (_, name, source, entryOf) => {
  const heard: unknown[] = [];
  const { origin } = await serving((request, response) => {
    heard.push([request.headers.authorization, request.headers['x-key']]);
    response.writeHead(500).end();
  });
  const { home, run, text } = written(name, source(`${origin}/mcp`));
  await run('--client', 'auto', '--all', '--write');
  const { args, env = {}, envs = env, env_vars = [], env_keys = env_vars } = entryOf(text());
  expect(env_keys).toEqual(['API_TOKEN', 'API_KEY']);
  const secrets = { API_TOKEN: 't0ken', API_KEY: 'k3y' };
  const client = new RawClient(args, { ...envs, ...secrets, HOME: home, PATH: '' });
  await client.ask('initialize', { protocolVersion: '2025-11-25' });
  expect(heard[0]).toEqual(['Bearer t0ken', 'k3y']);
});

test('ownWords prefers a link on the PATH to the same node', () => {
  const [linked = '', file = ''] = ownWords({ PATH: dirname(process.execPath) });
  expect(linked).toBe(process.execPath);
  expect(ownWords({})[0]).toBe(process.execPath);
  expect(file).toMatch(/dist\/src\/cli\/main\.js$/);
  expect(isInNpxCache([linked, file])).toBe(false);
  expect(isInNpxCache(['/usr/bin/node', '/home/me/.npm/_npx/0a1b/node_modules/mcp-once/dist/src/cli/main.js'])).toBe(
    true,
  );
});
