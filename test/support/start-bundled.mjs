// Loads the chunks of the bundle that `bundle.ts` makes. It stands beside them and knows them by name. They are
// CommonJS, so that V8 takes their compiled code from a file: Node 20 keeps no compiled code by itself.
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';

const folder = fileURLToPath(new URL('src/core/tool/', import.meta.url));
const chunks = new Map();

/** Code from the cache has no `import()` of its own: Node 20 does not connect it. */
const importModule = (url) => import(url);

/** Returns the exports of a chunk, which runs once. */
export function load(name) {
  const loaded = chunks.get(name);
  if (loaded) return loaded.module.exports;
  const filename = folder + name;
  const script = scriptOf(filename);
  const module = { exports: {} };
  chunks.set(name, { module, script });
  const require = requireFrom(filename);
  script.runInThisContext()(module.exports, require, module, filename, dirname(filename), importModule);
  return module.exports;
}

function scriptOf(filename) {
  const text = `(function (exports, require, module, __filename, __dirname, importModule) {${textOf(filename)}\n})`;
  return new Script(text, { filename, cachedData: compiledCode(filename) });
}

/** Reads a chunk, which is ASCII, without the line that names its interpreter. */
function textOf(filename) {
  return readFileSync(filename, 'latin1').replace(/^#!/, '//');
}

function requireFrom(filename) {
  const own = createRequire(filename);
  const require = (specifier) => (specifier.startsWith('./') ? load(specifier.slice(2)) : own(specifier));
  return Object.assign(require, { resolve: own.resolve, cache: own.cache });
}

function compiledCode(filename) {
  try {
    return readFileSync(`${filename}.compiled`);
  } catch {
    return undefined;
  }
}

function keep(name, script) {
  writeFileSync(`${folder}${name}.new`, script.createCachedData());
  renameSync(`${folder}${name}.new`, `${folder}${name}.compiled`);
}

// The processes that `bundle.ts` starts keep the code of all functions that they have compiled. Of chunks that none of them
// has loaded, the first one keeps what V8 compiles without a call.
if (process.env.KEEP_COMPILED_CODE) {
  process.once('exit', () => {
    for (const [name, { script }] of chunks) keep(name, script);
    for (const name of readdirSync(folder)) {
      if (
        name.endsWith('.js') &&
        name !== 'load-hook.js' &&
        !chunks.has(name) &&
        !existsSync(`${folder}${name}.compiled`)
      )
        keep(name, scriptOf(folder + name));
    }
  });
}
