import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { McpOnceError } from '../../../src/core/errors.ts';
import { matchesGlob } from '../../../src/core/tool/glob.ts';
import { applyRules, loadTools } from '../../../src/core/tool/load.ts';
import { ModuleVersions } from '../../../src/core/tool/module-versions.ts';
import type { ToolDefinition } from '../../../src/core/tool/types.ts';
import { defineTool, z } from '../../../src/index.ts';
import { temporaryFolder } from '../../support/temporary.ts';

/** The text of a tool file whose tool looks like one made by another copy of mcp-once. */
function toolText(name: string): string {
  return `{
    name: '${name}', title: 'T', description: 'D', effect: 'create', class: 'create', windowMs: 1000,
    recovery: ['refuse'], lookupLagMs: 0, acceptsOutput: () => true, run: async () => ({}),
    input: { jsonSchema: { type: 'object' }, parse: (value) => ({ ok: true, value }) },
  }`;
}

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

async function problemOf(loading: Promise<unknown>): Promise<McpOnceError> {
  const error = await loading.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(McpOnceError);
  return error as McpOnceError;
}

async function namesOf(...folders: string[]): Promise<string[]> {
  return (await loadTools(folders)).map((tool) => tool.name);
}

describe('loading a folder', () => {
  test('loads named and default exports and arrays of tools, and ignores other exports', async () => {
    const folder = folderWith({
      'a.mjs': `export const one = ${toolText('one')}; export const limit = 5; export function help() {}`,
      'b.mjs': `export default ${toolText('two')};`,
      'c.mjs': `export default [${toolText('three')}, ${toolText('four')}];`,
    });
    expect(await namesOf(folder)).toEqual(['one', 'two', 'three', 'four']);
  });

  test('loads only .js and .mjs files at the top level', async () => {
    const folder = folderWith({
      'a.mjs': `export const one = ${toolText('one')};`,
      'clients/b.mjs': 'throw new Error("loaded")',
      'notes.txt': 'x',
      'types.d.ts': 'export {}',
      '.hidden.mjs': 'throw new Error("loaded")',
    });
    expect(await namesOf(folder)).toEqual(['one']);
  });

  test('loads a tool that is exported twice once', async () => {
    const folder = folderWith({
      'a.mjs': `export const one = ${toolText('one')}; export default one;`,
      'b.mjs': `export { one } from './a.mjs';`,
    });
    expect(await namesOf(folder)).toEqual(['one']);
  });

  test.each([
    ['a.mjs', (name: string) => `export const one = ${toolText(name)};`],
    ['a.js', (name: string) => `export const one = ${toolText(name)};`],
    ['a.js', (name: string) => `exports.one = ${toolText(name)};`],
  ])('loads a changed file again, and an unchanged file once: %s', async (file, text) => {
    const folder = folderWith({ [file]: text('one'), 'b.mjs': `export const other = ${toolText('other')};` });
    const { load } = new ModuleVersions();
    const read = () => loadTools([folder], () => {}, load);
    const before = await read();
    writeFileSync(join(folder, file), text('two'));
    const after = await read();
    expect(after.map(({ name }) => name)).toEqual(['two', 'other']);
    expect(after[1]).toBe(before[1]);
    expect((await read())[0]).toBe(after[0]);
    // Without ModuleVersions Node keeps the first version of a file.
    expect(await namesOf(folder)).toEqual(['one', 'other']);
  });

  test('loads an unchanged file again after it failed to load', async () => {
    const folder = folderWith({ 'a.mjs': `export { one } from './parts/a.mjs';` });
    const { load } = new ModuleVersions();
    await problemOf(loadTools([folder], () => {}, load));
    mkdirSync(join(folder, 'parts'));
    writeFileSync(join(folder, 'parts', 'a.mjs'), `export const one = ${toolText('one')};`);
    expect((await loadTools([folder], () => {}, load)).map(({ name }) => name)).toEqual(['one']);
  });

  test('finds no tools in an empty folder', async () => {
    expect(await namesOf(temporaryFolder())).toEqual([]);
  });

  test('loads the bundled tools, each with its own name', async () => {
    const { bundledToolsDir } = await import('../../../src/core/tool/load.ts');
    const names = await namesOf(bundledToolsDir);
    expect(names).toContain('create_invoice');
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('loading an invalid tool file', () => {
  test.each([
    ['throws on load', 'throw new Error("no weather today")', 'loading it failed: no weather today'],
    ['does not parse', 'export const = 1', 'loading it failed: '],
    ['exports no tool', 'export const limit = 5', 'it exports no tool'],
    ['exports half a tool', 'export default { name: "x", run() {} }', 'it exports no tool'],
    ['has a bad name', `export default ${toolText('has space')}`, 'Tool "has space": its name must be'],
    [
      'contradicts itself',
      `export default { ...${toolText('x')}, recovery: ['reconcile', 'refuse'] }`,
      'recovery "reconcile" needs lookup',
    ],
  ])('names the file and the reason when it %s', async (_, text, reason) => {
    const folder = folderWith({ 'bad.mjs': text, 'good.mjs': `export const one = ${toolText('one')};` });
    const { code, message } = await problemOf(loadTools([folder]));
    expect(code).toBe('tool_invalid');
    expect(message).toContain(`Tool file ${join(folder, 'bad.mjs')}: `);
    expect(message).toContain(reason);
  });

  test('names the file that repeats the name of a tool', async () => {
    const first = folderWith({ 'a.mjs': `export const one = ${toolText('one')};` });
    const second = folderWith({ 'b.mjs': `export const one = ${toolText('one')};` });
    const { code, message } = await problemOf(loadTools([first, second]));
    expect(code).toBe('tool_invalid');
    expect(message).toContain(join(second, 'b.mjs'));
    expect(message).toContain(`the name "one" is already used by ${join(first, 'a.mjs')}`);
  });

  test('reports the first of several invalid files', async () => {
    const slow = 'await new Promise((resolve) => setImmediate(resolve)); throw new Error("slow");';
    const folder = folderWith({ 'a.mjs': slow, 'b.mjs': 'throw new Error("fast")' });
    expect((await problemOf(loadTools([folder]))).message).toContain('slow');
  });

  test('reports a folder that does not exist', async () => {
    const { code, message } = await problemOf(loadTools([join(temporaryFolder(), 'nowhere')]));
    expect(code).toBe('configuration_invalid');
    expect(message).toContain('does not exist');
  });
});

const input = z.strictObject({ id: z.string() });
const output = z.object({});
type Definition = ToolDefinition<typeof input, typeof output, undefined>;

function tool(name: string, changes: Partial<Definition> = {}) {
  const definition: Definition = {
    name,
    title: 'T',
    description: 'D',
    effect: 'create',
    input,
    output,
    run: async () => ({}),
    ...changes,
  };
  return defineTool(definition);
}

const resource = ({ id }: { id: string }) => id;

describe('rules', () => {
  const tools = [
    tool('create_a'),
    tool('create_b', { window: 5 }),
    tool('list_a', { effect: 'read' }),
    tool('set_a', { effect: 'update', resource }),
  ];

  test('apply to matching names, and a later rule wins for each of its keys', () => {
    const rules = { 'create_*': { window: 7, recovery: 'refuse' as const }, create_b: { window: 8 } };
    const ruled = applyRules(tools, rules);
    expect(ruled.tools.map(({ name, windowMs }) => [name, windowMs])).toEqual([
      ['create_a', 7],
      ['create_b', 8],
      ['list_a', 0],
      ['set_a', 120_000],
    ]);
    expect(ruled.unmatched).toEqual([]);
  });

  test('hide a tool that is not enabled, until a later rule enables it', () => {
    const { tools: served } = applyRules(tools, { '*': { enabled: false }, set_a: { enabled: true } });
    expect(served.map(({ name }) => name)).toEqual(['set_a']);
  });

  test('apply the default window of another class, unless the tool or the rule has a window', () => {
    const served = applyRules(tools, { '*': { class: 'state' } }).tools;
    expect(served.map((tool) => [tool.class, tool.windowMs])).toEqual([
      ['state', 600_000],
      ['state', 5],
      ['off', 0],
      ['state', 120_000],
    ]);
  });

  test('are refused with the tool named, if they ask for something that the tool lacks', () => {
    expect(() => applyRules(tools, { create_a: { recovery: ['resend'] } })).toThrow(/needs a client with keyMemory/);
  });

  test('set onDuplicate, for tools of the class create', () => {
    const served = applyRules(tools, { 'create_*': { onDuplicate: 'ask' }, create_b: { onDuplicate: 'replay' } }).tools;
    expect(served.map(({ onDuplicate }) => onDuplicate)).toEqual(['ask', 'replay', undefined, undefined]);
    expect(() => applyRules(tools, { set_a: { onDuplicate: 'ask' } })).toThrow(
      /"set_a": onDuplicate "ask" needs the class/,
    );
  });

  test('are reported when they match no name', () => {
    expect(applyRules(tools, { create_z: {}, 'x_*': {}, 'create_*': {} }).unmatched).toEqual(['create_z', 'x_*']);
  });

  test('leave other tools unchanged', () => {
    expect(applyRules(tools, { set_a: {} }).tools[0]).toBe(tools[0]);
  });
});

test.each([
  ['*', 'anything', true],
  ['create_*', 'create_', true],
  ['create_*', 'recreate_x', false],
  ['*_a', 'create_a', true],
  ['a*b*c', 'a-b-b-c', true],
  ['a*b*c', 'a-c', false],
  ['a*a', 'a', false],
  ['a.c', 'abc', false],
  ['**', 'x', true],
  ['*a*a*a*a*a*a*a*a*a*a*a*b', 'a'.repeat(64), false],
])('matchesGlob tests the pattern %s on %s: %s', (pattern, name, expected) => {
  expect(matchesGlob(pattern, name)).toBe(expected);
});
