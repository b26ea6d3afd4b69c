#!/usr/bin/env node
// Checks the structure of the source: imports point one way, and an exported name has one meaning.
// Usage: node scripts/check-structure.mjs   (exits 1 with one line for each violation)
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** For each part of the tree: the parts that it may import, besides itself. */
const mayImport = {
  'src/core': [],
  'src/config': ['src/core'],
  'src/server': ['src/core'],
  'src/command': ['src/server', 'src/config', 'src/core'],
  'src/http': ['src/command', 'src/server', 'src/config', 'src/core'],
  'src/wrap': ['src/command', 'src/server', 'src/config', 'src/core'],
  'src/openapi': ['src/command', 'src/server', 'src/config', 'src/core'],
  'src/guard': ['src/server', 'src/config', 'src/core'],
  'src/app': ['src/http', 'src/wrap', 'src/openapi', 'src/command', 'src/server', 'src/config', 'src/core'],
  'src/cli': ['src/app', 'src/command', 'src/server', 'src/config', 'src/core'],
  'src/testing': ['src/config', 'src/core'],
  'src/index.ts': ['src/guard', 'src/core'],
  sandbox: ['src/core'],
  tools: [],
};

/** Files that may import more than their folder: the command of the sandbox is its one door. */
const exceptions = { 'src/cli/sandbox.ts': ['sandbox'] };

/** Packages that the engine must not depend on. */
const notInCore = /^(@modelcontextprotocol\/|stripe$|nodemailer|undici$|commander$|node:https?$)/;

/** Names that many files export by convention. */
const sharedNames = new Set(['default']);

const files = ['src', 'sandbox', 'tools'].flatMap((folder) =>
  fs
    .readdirSync(path.join(root, folder), { recursive: true })
    .map((name) => path.posix.join(folder, String(name).replaceAll('\\', '/')))
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts')),
);

const partOf = (file) => {
  if (file === 'src/index.ts' || !file.startsWith('src/')) return file === 'src/index.ts' ? file : file.split('/')[0];
  return file.split('/').slice(0, 2).join('/').replace(/\.ts$/, '');
};

const problems = [];
const exportedIn = new Map();

for (const file of files) {
  const text = fs.readFileSync(path.join(root, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  for (const [, specifier] of text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'/g)) {
    const part = partOf(file);
    if (!specifier.startsWith('.')) {
      if (part === 'src/core' && notInCore.test(specifier)) problems.push(`${file}: core must not import ${specifier}`);
      continue;
    }
    const target = partOf(path.posix.join(path.posix.dirname(file), specifier));
    const allowed = [part, ...(mayImport[part] ?? []), ...(exceptions[file] ?? [])];
    if (!allowed.includes(target)) problems.push(`${file}: ${part} must not import ${specifier} (${target})`);
  }
  const names = /^export (?:declare )?(?:async )?(?:abstract )?(?:type|interface|class|function\*?|const|enum) (\w+)/gm;
  for (const [, name] of text.matchAll(names)) {
    if (!sharedNames.has(name)) exportedIn.set(name, (exportedIn.get(name) ?? new Set()).add(file));
  }
}

for (const [name, places] of exportedIn) {
  if (places.size > 1) problems.push(`${name} is exported by ${[...places].join(' and ')}: one name, one meaning`);
}

for (const problem of problems.sort()) console.log(problem);
console.log(`${files.length} files, ${problems.length} violations of the structure`);
process.exit(problems.length === 0 ? 0 : 1);
