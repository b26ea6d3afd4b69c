import { expect, test } from 'vitest';
import { loadedBy, loadedModulesIn } from '../support/loaded-modules.ts';
import { shippedProgram } from '../support/program.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { RawClient, scripted, stage, wrapArgs } from '../wrap/support/wrap.ts';

/** Packages that only the shipped tools need. */
const toolPackages = ['stripe', 'nodemailer'];

const evaluate = (script: string) => loadedBy('--input-type=module', '--eval', script);

test('control: the coverage shows a package that a process imports or requires', async () => {
  const { packages } = await evaluate(`
    import { createRequire } from 'node:module';
    await import('stripe');
    createRequire(process.cwd() + '/')('nodemailer');
  `);
  expect(packages).toEqual(expect.arrayContaining(toolPackages));
});

test('guard loads no package of a shipped tool', async () => {
  const { stdout, own, packages } = await evaluate(`
    import { guard } from 'mcp-once';
    const once = await guard({ store: 'memory:' });
    const { code, result } = await once.run({ tool: 'greet', arguments: { who: 'Ada' } }, async ({ who }) => 'Hello ' + who);
    await once.close();
    console.log(JSON.stringify({ code, result }));
  `);
  expect(JSON.parse(stdout)).toEqual({ code: 'succeeded', result: 'Hello Ada' });
  expect(own).toContain('src/guard/create-guard.js');
  expect(own.filter((path) => path.startsWith('tools/'))).toEqual([]);
  expect(packages.filter((name) => toolPackages.includes(name))).toEqual([]);
});

test('mcp-once wrap loads no package of a shipped tool', async () => {
  const folder = temporaryFolder();
  const { store, env, effects } = stage();
  const client = new RawClient([shippedProgram, ...wrapArgs(store, [scripted]).slice(1)], {
    ...env,
    NODE_V8_COVERAGE: folder,
  });
  await client.initialize();
  await client.call('effect', { what: 'a' });
  client.end();
  expect(await client.exited).toBe(0);
  expect(effects()).toEqual(['a']);
  const { own, packages } = loadedModulesIn(folder);
  expect(own).toContain('src/wrap/command.js');
  expect(own.filter((path) => path.startsWith('tools/'))).toEqual([]);
  expect(packages.filter((name) => toolPackages.includes(name))).toEqual([]);
});
