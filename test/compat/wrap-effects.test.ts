import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { connect, outcomeOf, stage, textOf, wrapArgs } from '../wrap/support/wrap.ts';
import { serverOf } from './support/packages.ts';

describe('server-filesystem', () => {
  const filesystem = serverOf('filesystem');
  const editing = () => {
    const { folder, store } = stage();
    const path = join(folder, 'file.txt');
    writeFileSync(path, 'one\n');
    const edit = { name: 'edit_file', arguments: { path, edits: [{ oldText: 'one', newText: 'one and one' }] } };
    return { folder, store, edit, content: () => readFileSync(path, 'utf8') };
  };

  test('edits once for two calls, and again with the repeat token', async () => {
    const { folder, store, edit, content } = editing();
    const client = await connect(wrapArgs(store, [filesystem, folder]));
    const first = await client.callTool(edit);
    const second = await client.callTool(edit);
    expect(content()).toBe('one and one\n');
    expect(outcomeOf(second)).toMatchObject({ replayed: true });
    expect(textOf(second)).toBe(textOf(first));
    const repeat_token = outcomeOf(second)?.repeatToken;
    await client.callTool({ ...edit, arguments: { ...edit.arguments, repeat_token } });
    expect(content()).toBe('one and one and one\n');
  });

  test('edits once for three concurrent proxies and a later one', async () => {
    const { folder, store, edit, content } = editing();
    const clients = await Promise.all([1, 2, 3].map(() => connect(wrapArgs(store, [filesystem, folder]))));
    const told = await Promise.all(clients.map((client) => client.callTool(edit)));
    expect(told.filter((each) => outcomeOf(each)?.replayed)).toHaveLength(2);
    const later = await connect(wrapArgs(store, [filesystem, folder]));
    expect(outcomeOf(await later.callTool(edit))).toMatchObject({ replayed: true });
    expect(content()).toBe('one and one\n');
  });

  test('control: edits twice without the proxy', async () => {
    const { folder, edit, content } = editing();
    const client = await connect([filesystem, folder]);
    await client.callTool(edit);
    await client.callTool(edit);
    expect(content()).toBe('one and one and one\n');
  });

  test('passes reads, which see the current content', async () => {
    const { folder, store, edit } = editing();
    const client = await connect(wrapArgs(store, [filesystem, folder]));
    const read = { name: 'read_text_file', arguments: { path: edit.arguments.path } };
    expect(textOf(await client.callTool(read))).toBe('one\n');
    await client.callTool(edit);
    const after = await client.callTool(read);
    expect(textOf(after)).toBe('one and one\n');
    expect(outcomeOf(after)).toBeUndefined();
  });
});

describe('server-memory', () => {
  const memory = serverOf('memory');
  const observed = {
    name: 'create_entities',
    arguments: { entities: [{ name: 'A', entityType: 't', observations: [] }] },
  };
  const environment = (folder: string) => ({ MEMORY_FILE_PATH: join(folder, 'memory.jsonl') });

  test('replays what the first call created', async () => {
    const { folder, store } = stage();
    const client = await connect(wrapArgs(store, [memory]), { env: environment(folder) });
    const [first, second] = [await client.callTool(observed), await client.callTool(observed)];
    expect(JSON.parse(textOf(first))).toHaveLength(1);
    expect(textOf(second)).toBe(textOf(first));
    expect(outcomeOf(second)).toMatchObject({ replayed: true });
    const lines = readFileSync(join(folder, 'memory.jsonl'), 'utf8').trim().split('\n');
    expect(lines).toHaveLength(1);
  });

  test('control: creates nothing for a repeat without the proxy', async () => {
    const { folder } = stage();
    const client = await connect([memory], { env: environment(folder) });
    await client.callTool(observed);
    expect(JSON.parse(textOf(await client.callTool(observed)))).toEqual([]);
  });
});
