// Writes api/*.api.md, one for each entry of the package: each public name with its declaration, and the types that these declarations use. It reads
// the compiled declarations, so run `npm run build` first. With --check it compares the file instead, and fails on a
// difference.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const entries = [
  { title: 'mcp-once', entry: join(root, 'dist/src/index.d.ts'), report: join(root, 'api/mcp-once.api.md') },
  {
    title: 'mcp-once/testing',
    entry: join(root, 'dist/src/testing.d.ts'),
    report: join(root, 'api/mcp-once-testing.api.md'),
  },
];

const read = (file) =>
  readFileSync(file, 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '');
const local = (from, file) => resolve(dirname(file), from.replace(/\.[tj]s$/, '.d.ts'));

/** Returns the names that a file imports or re-exports, each with its source. */
function namesFrom(text, keyword) {
  const found = [];
  const pattern = new RegExp(`^${keyword}\\s+(type\\s+)?\\{([^}]*)\\}\\s+from\\s+'([^']+)'`, 'gm');
  for (const [, , list, from] of text.matchAll(pattern)) {
    for (const each of list
      .split(',')
      .map((part) => part.trim().replace(/^type\s+/, ''))
      .filter(Boolean)) {
      const [name, as = name] = each.split(/\s+as\s+/);
      found.push({ name, as, from });
    }
  }
  return found;
}

/** Returns the declarations of a file by name. A declaration ends with its closing brace or its semicolon. */
function declarationsOf(text) {
  const found = new Map();
  const pattern = /^(?:export )?(?:declare )?(?:abstract )?(interface|type|class|function|const) (\w+)/gm;
  for (const match of text.matchAll(pattern)) {
    const [, kind, name] = match;
    let depth = 0;
    let end = match.index;
    for (; end < text.length; end += 1) {
      const letter = text[end];
      if ('{(['.includes(letter)) depth += 1;
      if ('})]'.includes(letter)) depth -= 1;
      if (depth !== 0) continue;
      if (letter === ';' || (letter === '}' && (kind === 'interface' || kind === 'class'))) break;
    }
    const lines = text
      .slice(match.index, end + 1)
      .split('\n')
      .map((line) => line.trimEnd())
      .filter(Boolean);
    found.set(name, [...(found.get(name) ?? []), lines.join('\n').replace(/^export /, '')]);
  }
  return found;
}

const files = new Map();
function fileOf(path) {
  if (!files.has(path)) {
    const text = read(path);
    files.set(path, {
      declarations: declarationsOf(text),
      imports: namesFrom(text, 'import'),
      exports: namesFrom(text, 'export'),
    });
  }
  return files.get(path);
}

/** Finds the declaration of a name. Follows re-exports. */
function find(name, path) {
  const file = fileOf(path);
  if (file.declarations.has(name)) return { name, path, text: file.declarations.get(name).join('\n') };
  const reexport = [...file.exports, ...file.imports].find((each) => each.as === name);
  if (!reexport?.from.startsWith('.')) return undefined;
  return find(reexport.name, local(reexport.from, path));
}

/** Writes or compares the report of one entry. */
function reportOn({ title, entry, report }, isCheck) {
  const exported = fileOf(entry).exports.sort((a, b) => (a.as < b.as ? -1 : 1));
  const shown = new Map();
  const external = [];
  for (const each of exported) {
    if (!each.from.startsWith('.')) {
      external.push(`export { ${each.as} } from '${each.from}';`);
      continue;
    }
    const found = find(each.name, local(each.from, entry));
    if (!found) throw new Error(`api-report: the declaration of ${each.as} was not found`);
    shown.set(each.as, found);
  }
  const needed = new Map();
  const queue = [...shown.values()];
  for (let next = queue.pop(); next; next = queue.pop()) {
    for (const [word] of next.text.matchAll(/\b[A-Z]\w+\b/g)) {
      const found = find(word, next.path);
      if (!found || shown.has(word) || needed.has(word) || found.name === next.name) continue;
      needed.set(word, found);
      queue.push(found);
    }
  }

  const section = (entries) =>
    [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, { text }]) => `\`\`\`ts\n${text}\n\`\`\``);
  const written = `${[
    `# Public API of ${title}`,
    '`npm run api` writes this file, and `npm run api:check` compares it. A change here affects every user of the package.',
    '## Exported',
    ...(external.length > 0 ? [`\`\`\`ts\n${external.join('\n')}\n\`\`\``] : []),
    ...section(shown),
    '## Types that exported declarations use',
    ...section(needed),
  ].join('\n\n')}\n`;

  if (isCheck) {
    const kept = existsSync(report) ? readFileSync(report, 'utf8') : '';
    if (kept !== written) {
      const before = new Set(kept.split('\n'));
      const after = new Set(written.split('\n'));
      const removed = [...before].filter((line) => !after.has(line)).map((line) => `- ${line}`);
      const added = [...after].filter((line) => !before.has(line)).map((line) => `+ ${line}`);
      console.error(
        `The public API differs from ${relative(root, report)}. Run "npm run api" if the change is intended.`,
      );
      console.error([...removed, ...added].slice(0, 80).join('\n'));
      process.exitCode = 1;
    }
  } else {
    writeFileSync(report, written);
  }
}

for (const each of entries) reportOn(each, process.argv.includes('--check'));
