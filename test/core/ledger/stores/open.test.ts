import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { Keyv } from 'keyv';
import { describe, expect, test } from 'vitest';
import { McpOnceError } from '../../../../src/core/errors.ts';
import { decodeEnvelope, encodeEnvelope } from '../../../../src/core/ledger/stores/envelope.ts';
import { openKeyvStore, storeFromKeyv } from '../../../../src/core/ledger/stores/keyv.ts';
import { defaultStoreUrl, openStore } from '../../../../src/core/ledger/stores/open.ts';
import { openSqliteAdapter } from '../../../../src/core/ledger/stores/sqlite.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

async function faultOf(work: Promise<unknown>): Promise<McpOnceError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(McpOnceError);
  return error as McpOnceError;
}

describe('the URL of a store', () => {
  test.each([
    ['postgres://user:hunter2@localhost/ledger', 'The store "postgres:" is not known'],
    ['ledger.sqlite', 'not a URL with a scheme'],
    ['', 'not a URL with a scheme'],
    ['sqlite:', 'needs the path of a file'],
    ['sqlite::memory:', 'needs the path of a file'],
    ['memory:ledger', 'takes nothing after the colon'],
  ])('is refused with the choices and without the URL in the message: %s', async (url, problem) => {
    const fault = await faultOf(openStore(url));
    expect(fault.code).toBe('configuration_invalid');
    expect(fault.message).toContain(problem);
    expect(fault.message).toContain('use sqlite:PATH, redis://HOST:PORT, rediss://HOST:PORT or memory:.');
    expect(fault.message).not.toContain('hunter2');
  });

  test.each([
    ['linux', { HOME: '/home/ada' }, 'sqlite:/home/ada/.local/share/mcp-once/ledger.sqlite'],
    ['linux', { HOME: '/home/ada', XDG_DATA_HOME: '/data' }, 'sqlite:/data/mcp-once/ledger.sqlite'],
    ['linux', { HOME: '/home/ada', XDG_DATA_HOME: 'relative' }, 'sqlite:/home/ada/.local/share/mcp-once/ledger.sqlite'],
    ['darwin', { HOME: '/Users/ada' }, 'sqlite:/Users/ada/Library/Application Support/mcp-once/ledger.sqlite'],
  ] as const)('has a default on %s with %j', (platform, env, url) => {
    expect(defaultStoreUrl(env, platform)).toBe(url);
  });

  test('has a default on Windows in the local data directory', () => {
    const url = defaultStoreUrl({ LOCALAPPDATA: 'C:\\Users\\ada\\AppData\\Local' }, 'win32');
    expect(url).toMatch(/^sqlite:C:\\Users\\ada\\AppData\\Local[\\/]mcp-once[\\/]ledger\.sqlite$/);
  });

  test('loads no store before it is opened', () => {
    const built = fileURLToPath(new URL('../../../../dist/src/core/ledger/stores/open.js', import.meta.url));
    if (!existsSync(built)) throw new Error('run "npm run build" first');
    const script = `
      const { createRequire } = await import('node:module');
      const { openStore } = await import(${JSON.stringify(built)});
      const loaded = () => [...Object.keys(createRequire(${JSON.stringify(built)}).cache), ...process.moduleLoadList].join();
      await openStore('memory:');
      console.log(/sqlite|redis/.test(loaded()));
      await (await openStore('sqlite:' + process.argv[1])).close();
      console.log(/sqlite/.test(loaded()), /redis/.test(loaded()));
    `;
    const path = join(temporaryFolder(), 'ledger.sqlite');
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', script, path], { encoding: 'utf8' });
    expect(output).toBe('false\ntrue false\n');
  });
});

describe('a Keyv instance as a store', () => {
  test('is refused without an atomic operation, unless it serves a single process', async () => {
    const fault = await faultOf(storeFromKeyv(new Keyv()));
    expect(fault.code).toBe('configuration_invalid');
    expect(fault.message).toContain('two processes that share it would both execute the same operation');
    expect((await storeFromKeyv(new Keyv(), { singleProcess: true })).kind).toBe('keyv');
  });

  test('is refused with its own serializer, if the primitives write directly to its store', async () => {
    const adapter = await openSqliteAdapter({ path: join(temporaryFolder(), 'ledger.sqlite') });
    const serialize = (data: unknown) => `x${JSON.stringify(data)}`;
    const fault = await faultOf(storeFromKeyv(new Keyv(adapter, { serialize })));
    expect(fault.message).toContain('its own serializer or compression');
    expect((await storeFromKeyv(new Keyv(adapter))).kind).toBe('sqlite');
    await adapter.disconnect();
  });

  test('reports a fault when its adapter fails, hangs or refuses', async () => {
    const failing = (set: () => Promise<boolean>) => {
      const map = new Map<string, string>();
      const adapter = {
        get: async (key: string) => map.get(key),
        set,
        delete: async () => true,
        clear: async () => {},
      };
      const options = { singleProcess: true, commandTimeoutMs: 50 };
      return openKeyvStore(new Keyv({ store: adapter }), options).putIfAbsent('key', encodeEnvelope(1), 1_000);
    };
    expect((await faultOf(failing(() => Promise.reject(new Error('disk on fire'))))).message).toContain('disk on fire');
    expect((await faultOf(failing(async () => false))).message).toContain('did not store the value');
    expect((await faultOf(failing(() => new Promise(() => undefined)))).message).toContain('within 50 ms');
  });
});

describe('the envelope', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string().map((rest) => `:${rest}`),
    fc.constantFrom(':', '::', ':base64:', ':base64:aGk=', '":', ',":', 'a":"', '\\":', '\ud800'),
  );
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      text,
      fc.double({ noNaN: true }),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(text, tie('value'), { maxKeys: 4 }),
    ),
  })).value;

  test('has exactly the bytes of Keyv, and is read like Keyv reads it', () => {
    const keyv = new Keyv();
    fc.assert(
      fc.property(json, (value) => {
        const bytes = encodeEnvelope(value);
        expect(bytes).toBe(keyv.serialize?.({ value }));
        const read = keyv.deserialize?.(bytes) as { value: unknown };
        expect(decodeEnvelope(bytes)).toEqual(read.value);
      }),
      { numRuns: 2_000 },
    );
  });

  test('reads binary data of Keyv, and writes text that looks like it as text', () => {
    expect(decodeEnvelope('{"value":{"file":":base64:aGk="}}')).toEqual({ file: Buffer.from('hi') });
    expect(encodeEnvelope({ file: ':base64:aGk=' })).toBe('{"value":{"file":"::base64:aGk="}}');
  });

  test('writes data with the name of a method', () => {
    const value = { toJSON: 'text', text: ':begins with a colon' };
    expect(decodeEnvelope(encodeEnvelope(value))).toEqual(value);
  });

  test.each([['not JSON'], ['"text"'], ['null'], ['[]'], ['{}'], ['{"valu":1}']])('is unreadable as %s', (bytes) => {
    expect(() => decodeEnvelope(bytes)).toThrow(expect.objectContaining({ code: 'record_unreadable' }));
  });
});
