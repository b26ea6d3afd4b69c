import { expect, test } from 'vitest';
import type { Cli } from '../../src/command/cli.ts';
import { runWrapExplain } from '../../src/wrap/explain.ts';
import { listTools } from '../../src/wrap/list-tools.ts';
import type { McpTool, WrapRules } from '../../src/wrap/policy/types.ts';
import { commandServer } from '../../src/wrap/relay/servers.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { serverOf } from './support/packages.ts';

test.each([
  ['memory', ['create_entities', 'delete_relations', 'add_observations'], ['read_graph', 'search_nodes']],
  ['filesystem', ['write_file', 'edit_file', 'move_file', 'create_directory'], ['read_text_file', 'list_directory']],
])(
  'guards the writes of server-%s and passes its reads, with and without trust in its annotations',
  async (name, writes, reads) => {
    const listed = await toolsOf(name);
    for (const trustAnnotations of ['none', 'readOnly'] as const) {
      let printed = '';
      const cli: Cli = {
        environment: {},
        isTerminal: false,
        print: (text) => {
          printed += text;
        },
        tell: () => {},
      };
      const rules: WrapRules = { trustAnnotations, tools: {} };
      await runWrapExplain(cli, [{ name, rules, list: () => Promise.resolve({ tools: listed }) }], { json: true });
      const [{ tools }] = JSON.parse(printed) as [{ tools: { tool: string; guarded: boolean }[] }];
      const guarded = tools.filter((each) => each.guarded).map((each) => each.tool);
      const passing = tools.filter((each) => !each.guarded).map((each) => each.tool);
      expect(guarded).toEqual(expect.arrayContaining(writes));
      expect(passing).toEqual(expect.arrayContaining(reads));
    }
  },
);

/** Lists the tools of a real server that runs as a process. */
async function toolsOf(name: string): Promise<readonly McpTool[]> {
  const folder = temporaryFolder();
  const env = { PATH: process.env.PATH ?? '', HOME: folder };
  const { open } = commandServer({ command: process.execPath, args: [serverOf(name), folder], env, cwd: folder });
  return (await listTools({ open, answerMs: 30_000 })).tools;
}
