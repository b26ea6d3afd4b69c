// Measures the first minutes of a new user: clones this checkout into an empty folder, and runs the two commands of README.md
// there, `npm ci` and `npm run demo`, with an empty npm cache.
// Usage: node scripts/measure-install.mjs [--before COMMIT] [--no-compiler]
//   --before COMMIT  also measures that commit, for comparison
//   --no-compiler    takes compilers, make and Python out of the PATH
// Exits 1 if a command fails, npm warns, or both commands together take more than 60 s of CPU time. Needs bash and git.
import { execFileSync, spawnSync } from 'node:child_process';
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({ options: { before: { type: 'string' }, 'no-compiler': { type: 'boolean' } } });
/** The CPU time of both commands together, in seconds. */
const cpuSecondsMax = 60;
/** Programs that compile, by name, also with a version or a target: `g++-12`, `x86_64-linux-gnu-gcc`. */
const compiler = /^(.*-)?(cc|c\+\+|gcc|g\+\+|cpp|clang|clang\+\+|make|gmake|cmake|python|pypy)[\d.]*(-[\d.]+)?$/;

const folder = mkdtempSync(join(tmpdir(), 'mcp-once-install-'));
const git = (args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();

try {
  const commits = ['HEAD', ...(values.before === undefined ? [] : [values.before])].map((name) => ({
    name,
    id: git(['rev-parse', '--short', `${name}^{commit}`]),
  }));
  const path = values['no-compiler'] ? pathWithoutCompilers() : process.env.PATH;
  const measured = commits.map(({ id }) => measureCommit(id, path));
  print(
    commits.map(({ name, id }) => `${name} ${id}`),
    measured,
  );
  const problems = problemsOf(measured[0]);
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length > 0 ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
}

function measureCommit(id, path) {
  const checkout = join(folder, `checkout-${id}`);
  git(['clone', '--quiet', '--no-hardlinks', root, checkout]);
  execFileSync('git', ['checkout', '--quiet', id], { cwd: checkout });
  const env = { ...process.env, PATH: path, npm_config_cache: join(folder, `cache-${id}`) };
  const install = timed('npm ci', checkout, env);
  const demo = timed('npm run demo', checkout, env);
  const installed = installedIn(join(checkout, 'node_modules'));
  const [cpuSeconds, seconds] = [install.cpuSeconds + demo.cpuSeconds, install.seconds + demo.seconds];
  return { install, demo, ...installed, cpuSeconds, seconds };
}

/** Runs a command in bash, which knows the CPU time of all processes that the command has started. */
function timed(command, cwd, env) {
  // The time is the only output on stderr.
  const script = `TIMEFORMAT='%R %U %S'; time ${command} 2>&1`;
  const { stdout, stderr, status } = spawnSync('bash', ['-c', script], {
    cwd,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
  });
  const lines = stdout.trimEnd().split('\n');
  const [seconds, user, system] = stderr.trim().split(' ').map(Number);
  const warnings = lines.filter((line) => /^npm warn/i.test(line));
  if (status !== 0) console.error(lines.slice(-30).join('\n'));
  return { command, status, seconds, cpuSeconds: user + system, warnings };
}

/** Counts the installed packages and their bytes. */
function installedIn(modules) {
  const { packages } = JSON.parse(readFileSync(join(modules, '.package-lock.json'), 'utf8'));
  let bytes = 0;
  for (const entry of readdirSync(modules, { recursive: true })) {
    const stat = lstatSync(join(modules, entry));
    if (stat.isFile()) bytes += stat.size;
  }
  return { packages: Object.keys(packages).length, megabytes: Math.round(bytes / 1e6) };
}

/** Makes a folder with links to every program of the PATH that does not compile. */
function pathWithoutCompilers() {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  const left = new Set();
  for (const each of process.env.PATH.split(delimiter)) {
    let names = [];
    try {
      names = readdirSync(each);
    } catch {
      // A folder of the PATH that does not exist.
    }
    for (const name of names) {
      if (left.has(name) || compiler.test(name)) continue;
      left.add(name);
      symlinkSync(join(each, name), join(bin, name));
    }
  }
  for (const name of ['cc', 'c++', 'gcc', 'g++', 'make', 'python3']) {
    if (left.has(name)) throw new Error(`${name} is still in the PATH`);
  }
  return bin;
}

function print(titles, measured) {
  const rows = [
    ['packages', ({ packages }) => packages],
    ['megabytes', ({ megabytes }) => megabytes],
    ['warnings of npm', ({ install, demo }) => install.warnings.length + demo.warnings.length],
    ['npm ci: CPU seconds', ({ install }) => install.cpuSeconds.toFixed(1)],
    ['npm run demo: CPU seconds', ({ demo }) => demo.cpuSeconds.toFixed(1)],
    ['both: CPU seconds', ({ cpuSeconds }) => cpuSeconds.toFixed(1)],
    ['both: seconds', ({ seconds }) => seconds.toFixed(1)],
    ['exit codes', ({ install, demo }) => `${install.status}, ${demo.status}`],
  ];
  const title = values['no-compiler'] ? 'without compilers' : 'npm ci && npm run demo';
  const table = [[title, ...titles], ...rows.map(([name, value]) => [name, ...measured.map(value)])];
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => String(row[column]).length)));
  const line = (row) => `| ${row.map((cell, column) => String(cell).padEnd(widths[column])).join(' | ')} |`;
  const [head, ...body] = table;
  console.log([line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n'));
}

function problemsOf({ install, demo, cpuSeconds }) {
  const failed = [install, demo].filter(({ status }) => status !== 0).map(({ command }) => `${command} failed`);
  const warnings = [...install.warnings, ...demo.warnings];
  const slow = cpuSeconds > cpuSecondsMax ? [`More than ${cpuSecondsMax} s of CPU time: ${cpuSeconds.toFixed(1)}`] : [];
  return [...failed, ...warnings, ...slow];
}
