import { expect, test } from 'vitest';
import type { Cli } from '../../src/command/cli.ts';
import { type ExplainedServer, runWrapExplain } from '../../src/wrap/explain.ts';
import { listTools } from '../../src/wrap/list-tools.ts';
import type { WrapRules } from '../../src/wrap/policy/types.ts';
import { commandServer } from '../../src/wrap/relay/servers.ts';
import { temporaryFolder } from '../support/temporary.ts';

const rules: WrapRules = { trustAnnotations: 'readOnly', tools: {} };

function terminal() {
  const told = { out: '', err: '' };
  const cli: Cli = {
    environment: {},
    isTerminal: false,
    print: (text) => {
      told.out += `${text}\n`;
    },
    tell: (text) => {
      told.err += `${text}\n`;
    },
  };
  return { cli, told };
}

function server(name: string, tools: readonly string[], more: Partial<ExplainedServer> = {}): ExplainedServer {
  const listed = tools.map((tool) => ({ name: tool, inputSchema: { properties: { a: {} } } }));
  return { name, rules, list: () => Promise.resolve({ tools: listed }), ...more };
}

test('prints one line per tool with decision and reason, and warnings for guesses', async () => {
  const { cli, told } = terminal();
  const tools = { create_issue: { identity: ['/a'] }, 'gone*': { class: 'off' } } as const;
  const tracker = server('tracker', ['create_issue', 'get_issue', 'send_mail'], { rules: { ...rules, tools } });
  expect(await runWrapExplain(cli, [tracker], {})).toBe(0);
  expect(told.out).toBe(`TOOL          CALLS    CLASS          RECOVERY  WHY
create_issue  guarded  create, 600 s  refuse    configuration: a rule of the configuration
get_issue     passes                            name: "get" usually reads
send_mail     guarded  create, 600 s  refuse    default: nothing marks it as read-only
2 of 3 tools are guarded.
warning: no tool matches the rule "gone*"
`);
});

test('prints JSON for programs, and names a server that cannot list its tools', async () => {
  const { cli, told } = terminal();
  const broken = server('broken', [], { list: () => Promise.reject(new Error('it ended')) });
  expect(await runWrapExplain(cli, [server('one', ['pay']), broken], { json: true })).toBe(1);
  expect(JSON.parse(told.out)).toMatchObject([
    { server: 'one', tools: [{ tool: 'pay', guarded: true, warnings: [] }] },
  ]);
  expect(told.err).toBe('mcp-once: broken: cannot list its tools: it ended\n');
});

test('removes control characters of tool names', async () => {
  const { cli, told } = terminal();
  await runWrapExplain(cli, [server('x\u001b[2J', ['get\u001b[31m\nfake'], {}), server('y', [])], {});
  expect(told.out).not.toContain('\u001b');
});

function commandOpening(...args: string[]) {
  const folder = temporaryFolder();
  const { PATH = '' } = process.env;
  return commandServer({ command: process.execPath, args: [...args, folder], env: { PATH, HOME: folder }, cwd: folder })
    .open;
}

/** Makes a server from a few lines of code. */
function scripted(answer: string) {
  const script = `require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
    const { id, method, params, result, error } = JSON.parse(line);
    const send = (message) => console.log(JSON.stringify({ jsonrpc: '2.0', ...message }));
    if (method === 'initialize') send({ id, result: { protocolVersion: '2025-06-18', capabilities: { tools: {} } } });
    ${answer}
  })`;
  return commandOpening('-e', script);
}

test('reads all pages, and answers requests of the server meanwhile', async () => {
  const open = scripted(`
    if (method === 'tools/list' && !params.cursor) { send({ id: 'p', method: 'ping' }); send({ id: 'r', method: 'roots/list' }); globalThis.first = id; }
    if (error) send({ id: globalThis.first, result: { tools: [{ name: 'a', inputSchema: {} }, 'junk'], nextCursor: error.code + '' } });
    if (params?.cursor === '-32601') send({ id, result: { tools: [{ name: 'b', inputSchema: {} }] } });`);
  expect((await listTools({ open, answerMs: 30_000 })).tools.map(({ name }) => name)).toEqual(['a', 'b']);
});

test.each([
  ['process.exit(3)', /ended|exit/],
  ["if (method === 'tools/list') send({ id, error: { code: -32000, message: 'no' } })", /the error -32000: no/],
  ["if (method === 'tools/list') process.exit(3)", /ended|exit/],
])('reports a server that does %s', async (answer, why) => {
  await expect(listTools({ open: scripted(answer), answerMs: 30_000 })).rejects.toThrow(why);
});

test('gives up on a server that never responds', async () => {
  const open = commandOpening('-e', 'process.stdin.resume()');
  await expect(listTools({ open, answerMs: 200 })).rejects.toThrow(/did not answer initialize within 0.2 s/);
});
