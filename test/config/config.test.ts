import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { sections } from '../../src/app.ts';
import { type Environment, loadConfig, type Overrides, shownConfig } from '../../src/config/config.ts';
import { configJsonSchema, fileSchemaOf } from '../../src/config/schema.ts';
import { McpOnceError } from '../../src/core/errors.ts';
import { nearest } from '../../src/core/suggest.ts';
import { guardSettings } from '../../src/guard/options.ts';
import { keysText } from '../support/encryption.ts';
import { temporaryFolder } from '../support/temporary.ts';

const day = 86_400_000;
const home = { HOME: '/home/somebody', XDG_DATA_HOME: '/data' };

function load(environment: Environment = {}, overrides: Overrides = {}) {
  return loadConfig({ environment: { ...home, ...environment }, sections, overrides, folder: '/srv' });
}

/** Loads a configuration file with this text; the error's message, where there is one. */
function loadText(text: string, environment: Environment = {}) {
  const file = join(temporaryFolder(), 'mcp-once.json');
  writeFileSync(file, text);
  return { file, loading: load(environment, { config: file }) };
}

function loadFile(settings: unknown, environment: Environment = {}) {
  return loadText(JSON.stringify(settings), environment);
}

async function problemOf(loading: Promise<unknown>): Promise<string> {
  const error = await loading.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(McpOnceError);
  expect((error as McpOnceError).code).toBe('configuration_invalid');
  return (error as McpOnceError).message;
}

describe('defaults', () => {
  test('apply to every setting without a file and variables', async () => {
    const config = await load();
    expect(config).toMatchObject({
      file: undefined,
      storeIsDefault: true,
      tenant: 'default',
      subject: 'local',
      leaseMs: 10_000,
      waitMs: 45_000,
      maxRunMs: 600_000,
      recordRetentionMs: 7 * day,
      unresolvedRetentionMs: 30 * day,
      resultBytesMax: 262_144,
      hostKeys: true,
      conversationScope: false,
      sealedOnly: false,
      logLevel: 'info',
      logFormat: 'auto',
      toolsDirs: [],
      drainMs: 30_000,
    });
    expect(config.store).toMatch(/^sqlite:.*mcp-once.ledger\.sqlite$/);
    expect(config.sandbox).toBe(true);
  });

  test('apply to every setting when the file is empty', async () => {
    const { file: _, ...empty } = await loadFile({}).loading;
    const { file: __, ...none } = await load();
    expect(empty).toEqual(none);
  });

  test('are frozen at every level', async () => {
    const config = await loadFile({ tools: { 'create_*': { window: '7d' } } }).loading;
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.tools['create_*'])).toBe(true);
    expect(Object.isFrozen(config.toolsDirs)).toBe(true);
  });
});

describe('sealedOnly', () => {
  const keys = keysText('k');

  test('is refused without keys, wherever it comes from', async () => {
    const problem = 'MCP_ONCE_ENCRYPTION_KEYS: is not set, and sealedOnly accepts encrypted records only';
    expect(await problemOf(loadFile({ sealedOnly: true }).loading)).toContain(problem);
    expect(await problemOf(load({ MCP_ONCE_SEALED_ONLY: 'true' }))).toContain(problem);
    expect(() => guardSettings({ name: 'x' }, { MCP_ONCE_SEALED_ONLY: 'true' })).toThrow(problem);
  });

  test('can be set by variable, for servers and the library', async () => {
    const environment = { MCP_ONCE_ENCRYPTION_KEYS: keys, MCP_ONCE_SEALED_ONLY: 'true' };
    expect((await load(environment)).sealedOnly).toBe(true);
    expect(guardSettings({ name: 'x' }, environment).sealedOnly).toBe(true);
    expect((await load({ ...environment, MCP_ONCE_SEALED_ONLY: 'false' })).sealedOnly).toBe(false);
    expect(await problemOf(load({ ...environment, MCP_ONCE_SEALED_ONLY: 'yes' }))).toContain(
      'MCP_ONCE_SEALED_ONLY: must be true or false',
    );
  });
});

describe('precedence', () => {
  test('the command line wins over the environment, which wins over the file', async () => {
    const { file } = loadFile({ store: 'memory:', tenant: 'file', logLevel: 'error' });
    const environment = { MCP_ONCE_CONFIG: file, MCP_ONCE_STORE: 'sqlite:/env.sqlite', MCP_ONCE_LOG_LEVEL: 'warn' };
    expect(await load(environment, { store: 'sqlite:/option.sqlite' })).toMatchObject({
      file,
      store: 'sqlite:/option.sqlite',
      storeIsDefault: false,
      tenant: 'file',
      logLevel: 'warn',
    });
  });

  test('an empty variable counts as unset', async () => {
    expect(await load({ MCP_ONCE_STORE: '', MCP_ONCE_TENANT: '', MCP_ONCE_CONFIG: '' })).toMatchObject({
      storeIsDefault: true,
      tenant: 'default',
    });
  });

  test('relative paths in a file start at its folder, and other paths at the working directory', async () => {
    const { file, loading } = loadFile({ store: 'sqlite:a.sqlite', toolsDirs: ['tools'] });
    const folder = join(file, '..');
    expect(await loading).toMatchObject({
      store: `sqlite:${join(folder, 'a.sqlite')}`,
      toolsDirs: [join(folder, 'tools')],
    });
    expect(await load({ MCP_ONCE_STORE: 'sqlite:c.sqlite' }, { toolsDirs: ['more'] })).toMatchObject({
      store: 'sqlite:/srv/c.sqlite',
      toolsDirs: ['/srv/more'],
    });
  });

  test('tool folders on the command line are added to those in the file', async () => {
    const { file } = loadFile({ toolsDirs: ['/one'] });
    expect((await load({}, { config: file, toolsDirs: ['/two'] })).toolsDirs).toEqual(['/one', '/two']);
  });
});

describe('durations', () => {
  test.each([
    ['7d', 7 * day],
    ['24h', day],
    ['15m', 900_000],
    ['90s', 90_000],
    ['1500ms', 1_500],
    ['1.5h', 5_400_000],
    [86_400_000, day],
  ])('%s is %d ms', async (window, ms) => {
    const config = await loadFile({ tools: { 'create_*': { window } } }).loading;
    expect(config.tools['create_*']?.window).toBe(ms);
  });

  test.each(['7', '7 d', 'd', '-1s', '1w', '', true, 1.5, -1, '400d'])('%j is refused', async (window) => {
    const problem = await problemOf(loadFile({ tools: { 'create_*': { window } } }).loading);
    expect(problem).toContain('tools["create_*"].window: must be');
  });

  test('a lease under half a second is refused', async () => {
    expect(await problemOf(loadFile({ lease: '499ms' }).loading)).toContain('lease: must be from 500ms to 5m');
    expect(await problemOf(loadFile({ lease: 499 }).loading)).toContain('from 500ms to 5m');
  });

  test('a lease that is not shorter than the wait is refused', async () => {
    expect(await problemOf(loadFile({ lease: '45s' }).loading)).toContain('lease must be shorter than wait');
  });
});

describe('an error message', () => {
  test.each([
    [{ leese: 1 }, 'leese is not known; did you mean "lease"?'],
    [{ stroe: 'memory:' }, 'stroe is not known; did you mean "store"?'],
    [{ recordRetentionMs: 1 }, 'recordRetentionMs is not known; did you mean "recordRetention"?'],
    [{ sandbox: { dataFile: 'x' } }, 'sandbox: must be true or false. To choose the data file'],
    [{ sandbox: 'off' }, 'sandbox: '],
    [{ http: { listn: 'x' } }, 'http.listn is not known; did you mean "listen"?'],
    [{ http: { prot: 1 } }, 'http.prot is not known (known here: listen, allowedHosts, '],
    [{ tools: { a: { windows: '1d' } } }, 'tools.a.windows is not known; did you mean "window"?'],
    [{ somethingElse: 1 }, 'somethingElse is not known.'],
    [{ hostKeys: 'yes' }, 'hostKeys: '],
    [{ tools: { a: { match: 'identical' } } }, 'tools.a.match is now called class: write create for identical'],
    [{ tools: { a: { class: 'same' } } }, 'tools.a.class: '],
    [{ toolsDirs: [1] }, 'toolsDirs[0]: '],
    [{ resultBytesMax: 1 }, 'resultBytesMax: '],
    [[], 'Configuration file'],
  ])('names the file and the key for %j', async (settings, expected) => {
    const { file, loading } = loadFile(settings);
    const problem = await problemOf(loading);
    expect(problem).toContain(`Configuration file ${file}: `);
    expect(problem).toContain(expected);
  });

  test('names a file that is not JSON without quoting its content', async () => {
    const problem = await problemOf(loadText('{\n  "store": "redis://:hunter2@host" x\n}').loading);
    expect(problem).toMatch(/it is not valid JSON( \(line 2, column \d+\))?\.$/);
    expect(problem).not.toContain('hunter2');
  });

  test('names a file that does not exist, is a folder, or is too large', async () => {
    expect(await problemOf(load({ MCP_ONCE_CONFIG: '/nowhere/x.json' }))).toContain(
      '/nowhere/x.json: it does not exist',
    );
    expect(await problemOf(load({}, { config: temporaryFolder() }))).toContain('it cannot be read (EISDIR)');
    expect(await problemOf(loadText(' '.repeat(1024 * 1024 + 1)).loading)).toContain('larger than');
  });

  test('does not appear for a file with a byte order mark', async () => {
    expect((await loadText('\uFEFF{"tenant":"a"}').loading).tenant).toBe('a');
  });

  test('suggests the right name for a misspelt variable', async () => {
    expect(await problemOf(load({ MCP_ONCE_STOER: 'memory:' }))).toContain('did you mean MCP_ONCE_STORE?');
    await expect(load({ MCP_ONCE_SOMETHING_ELSE: 'x' })).resolves.toBeDefined();
  });

  test('names an option that is empty', async () => {
    expect(await problemOf(load({}, { config: '' }))).toContain('--config is empty');
    expect(await problemOf(load({}, { toolsDirs: ['/one', ''] }))).toContain('--tools is empty: name a folder');
  });

  test('names an invalid variable or option', async () => {
    expect(await problemOf(load({ MCP_ONCE_LOG_LEVEL: 'loud' }))).toContain('MCP_ONCE_LOG_LEVEL: ');
    expect(await problemOf(load({}, { logLevel: 'loud' }))).toContain('--log-level: ');
    expect(await problemOf(load({ MCP_ONCE_STORE: 'postgres://u:hunter2@h' }))).toBe(
      'Configuration: MCP_ONCE_STORE: must be sqlite:PATH, redis://HOST:PORT, rediss://HOST:PORT or memory:.',
    );
    expect(await problemOf(load({}, { store: 'sqlite::memory:' }))).toContain('--store: must be');
  });
});

describe('secrets and subjects', () => {
  test('a short secret is refused without being shown', async () => {
    const problem = await problemOf(load({ MCP_ONCE_SECRET: 'hunter2' }));
    expect(problem).toContain('MCP_ONCE_SECRET is too short');
    expect(problem).not.toContain('hunter2');
  });

  test('the shown configuration contains neither the secret nor a password', async () => {
    const config = await load({
      MCP_ONCE_SECRET: 'hunter2'.repeat(5),
      MCP_ONCE_STORE: 'rediss://user:hunter3@host:6380/2?waitReplicas=1',
      MCP_ONCE_SUBJECT: 'alice',
    });
    expect(config.secret).toBe('hunter2'.repeat(5));
    const shown = shownConfig(config, sections);
    expect(JSON.stringify(shown)).not.toContain('hunter');
    expect(shown).toMatchObject({ store: 'rediss://host:6380/2', secret: 'set by MCP_ONCE_SECRET', subject: 'alice' });
  });

  test('encryption keys keep their order, and only their ids are shown', async () => {
    const config = await load({ MCP_ONCE_ENCRYPTION_KEYS: ` ${keysText('2026-b')}, ${keysText('2026-a')} ` });
    expect(config.encryptionKeys.map(({ id }) => id)).toEqual(['2026-b', '2026-a']);
    const secrets = config.encryptionKeys.map(({ secret }) => secret.export());
    expect(secrets.map((each) => each.length)).toEqual([32, 32]);
    const shown = JSON.stringify(shownConfig(config, sections));
    expect(JSON.parse(shown).encryptionKeys).toEqual(['2026-b', '2026-a']);
    // Not even where the whole of it is printed.
    for (const text of [shown, JSON.stringify(config), inspect(config, { depth: 9, showHidden: true })]) {
      for (const secret of secrets) {
        expect(text).not.toContain(secret.toString('base64').slice(0, 43));
        expect(text).not.toContain(secret.toString('hex'));
      }
    }
  });

  test('the list of encryption keys is empty by default', async () => {
    expect((await load()).encryptionKeys).toEqual([]);
  });

  const key = keysText('k').slice('k:'.length);
  test.each([
    ['', 'is empty: unset it'],
    [' ', 'key 1 is not written id:base64'],
    [key, 'key 1 is not written id:base64'],
    [`${keysText('a')},`, 'key 2 is not written id:base64'],
    [`a ${key}`, 'key 1 is not written id:base64'],
    [`:${key}`, 'the id of key 1 is not 1 to 32 of A-Z a-z 0-9 . _ -'],
    [`${key}:a`, 'the id of key 1 is not 1 to 32 of A-Z a-z 0-9 . _ -'],
    [`${key.replace(/[^a-z]/gi, 'x').slice(0, 43)}:a`, 'the id of key 1 is not 1 to 32 of'],
    ['a:', 'key 1 is not 32 bytes in base64'],
    [`${keysText('a')},b:${key.slice(0, 40)}`, 'key 2 is not 32 bytes in base64'],
    [`a:${key.slice(0, 43)}`, 'key 1 is not 32 bytes in base64'],
    [`a:${key}${key}`, 'key 1 is not 32 bytes in base64'],
    [`a:${'A'.repeat(42)}B=`, 'key 1 is not 32 bytes in base64'],
    [`a:${'_'.repeat(43)}=`, 'key 1 is not 32 bytes in base64'],
    [`a:${'00'.repeat(32)}`, 'key 1 is not 32 bytes in base64'],
    [`a:${key},b:${key.slice(0, 43)}=,a:${key}`, 'names two keys by the same id'],
    [Array.from({ length: 17 }, (_, index) => `k${index}:${key}`).join(), 'holds over 16 keys'],
  ])('invalid encryption keys are refused without being shown: %j', async (text, expected) => {
    const problem = await problemOf(load({ MCP_ONCE_ENCRYPTION_KEYS: text }));
    expect(problem).toContain(`Configuration: MCP_ONCE_ENCRYPTION_KEYS: ${expected}`);
    expect(problem).not.toContain(key.slice(0, 8));
    expect(problem).not.toMatch(/[A-Za-z0-9+/]{33}/);
  });

  test('a misspelt variable for encryption keys is refused', async () => {
    for (const name of ['MCP_ONCE_ENCRYPTION_KEY', 'MCP_ONCE_ENCRYPT_KEYS', 'MCP_ONCE_ENCRYPTIONKEYS']) {
      expect(await problemOf(load({ [name]: keysText('k') }))).toContain('did you mean MCP_ONCE_ENCRYPTION_KEYS?');
    }
  });

  test.each(['redis://host', 'rediss://host'])('%s needs a subject', async (store) => {
    expect(await problemOf(load({ MCP_ONCE_STORE: store }))).toContain('set MCP_ONCE_SUBJECT');
    expect((await load({ MCP_ONCE_STORE: store, MCP_ONCE_SUBJECT: 'a' })).subject).toBe('a');
    expect((await loadFile({ store, subject: 'b' }).loading).subject).toBe('b');
  });

  test('a command that operates a ledger needs no subject', async () => {
    const environment = { ...home, MCP_ONCE_STORE: 'redis://host' };
    await expect(loadConfig({ environment, needsSubject: () => false })).resolves.toBeDefined();
  });
});

describe('durations of earlier versions', () => {
  test.each(['leaseMs', 'waitMs', 'maxRunMs', 'drainMs'])('%s is refused with its present name', async (name) => {
    const problem = await problemOf(loadFile({ [name]: '10s' }).loading);
    expect(problem).toContain(`${name} is now called ${name.slice(0, -2)}`);
  });

  test('timeoutMs of an API is refused with its present name', async () => {
    const { loading } = loadFile({ openapi: [{ document: 'a.json', timeoutMs: '5s' }] });
    expect(await problemOf(loading)).toContain('openapi[0].timeoutMs is now called timeout');
  });
});

describe('shown configuration', () => {
  test('spells every duration as the file does', async () => {
    const text = JSON.stringify(await configJsonSchema(sections));
    const names = [
      ...text.matchAll(
        /"(\w+)":\{(?:"description":"(?:[^"\\\\]|\\\\.)*",)?(?:"default":[^,]+,)?"anyOf":\[\{"type":"integer"/g,
      ),
    ];
    expect(names.length).toBeGreaterThan(15);
    const durations = Object.fromEntries(names.map(([, name]) => [name, 60_000]));
    const shown = shownConfig({ ...(await load()), openapi: [], nested: [durations] } as never, []);
    expect(shown).toMatchObject({ lease: '10s', wait: '45s', maxRun: '10m', drain: '30s', recordRetention: '7d' });
    const top = ['twinWindow', 'rewordedWindow'];
    const own = new Set(['lease', 'wait', 'maxRun', 'drain', 'recordRetention', 'unresolvedRetention', ...top]);
    const [nested] = shown.nested as Record<string, unknown>[];
    for (const [name, value] of Object.entries(nested ?? {})) if (!own.has(name)) expect(value, name).toBe('1m');
  });
});

describe('the shipped JSON Schema', () => {
  test('equals the schema that zod generates (node scripts/write-schema.mjs)', async () => {
    const shipped = JSON.parse(readFileSync(new URL('../../mcp-once.schema.json', import.meta.url), 'utf8'));
    expect(shipped).toEqual(JSON.parse(JSON.stringify(await configJsonSchema(sections))));
  });

  test('describes every option', async () => {
    const { properties } = (await configJsonSchema(sections)) as {
      properties: Record<string, { description?: string }>;
    };
    expect(Object.keys(properties)).toEqual((await fileSchemaOf(sections)).keysAt([]));
    for (const [name, { description }] of Object.entries(properties)) expect(description, name).toBeTruthy();
  });
});

test('the nearest name counts swapped neighbours as one difference, and a distant name is never suggested', () => {
  expect(nearest('stroe', ['store', 'stroke', 'tools'])).toBe('store');
  expect(nearest('x', ['store'])).toBeUndefined();
  expect(nearest('ot', ['cc', 'to'])).toBe('to');
  expect(nearest('by', ['cc', 'to'])).toBeUndefined();
});
