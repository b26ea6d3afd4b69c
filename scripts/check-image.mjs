// Runs the commands of the Dockerfile without Docker, as far as it goes: in an empty folder, as root if this process is root.
// Starts the result as the image does, asks its health check, calls a tool, and ends it with SIGTERM.
// What it cannot check: the base image, and the isolation of a container. A workflow builds the image itself.
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const project = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'mcp-once-image-'));
chmodSync(folder, 0o755);
const isRoot = process.getuid?.() === 0;

/** Returns the instructions of the Dockerfile, in order. */
function instructions() {
  const text = readFileSync(join(project, 'Dockerfile'), 'utf8').replace(/^#.*$/gm, '').replace(/\\\n/g, ' ');
  return [...text.matchAll(/^([A-Z]+)\s+(.+)$/gm)].map(([, name, rest]) => ({ name, rest: rest.trim() }));
}

/** The top-level entries that .dockerignore lets through. */
const context = new Set(
  [...readFileSync(join(project, '.dockerignore'), 'utf8').matchAll(/^!(.+)$/gm)].map(([, path]) => path),
);

const stages = new Map();
let stage;

const inside = (path) => resolve(stage.root, `.${path.startsWith('/') ? path : join(stage.folder, path)}`);

const carryOut = {
  FROM(rest) {
    const [image, , name = 'last'] = rest.split(/\s+/);
    if (!image.startsWith('node:')) throw new Error(`an unknown base image: ${image}`);
    stage = { root: join(folder, name), folder: '/', env: {} };
    mkdirSync(stage.root);
    stages.set(name, stage);
  },
  WORKDIR(rest) {
    stage.folder = rest;
    mkdirSync(inside('.'), { recursive: true });
  },
  COPY(rest) {
    const words = rest.split(/\s+/);
    const from = words[0].startsWith('--from=') ? words.shift().slice('--from='.length) : undefined;
    const to = inside(words.pop());
    for (const word of words) {
      if (from === undefined && !context.has(word)) throw new Error(`.dockerignore leaves out ${word}`);
      const source = from === undefined ? join(project, word) : join(stages.get(from).root, word);
      const target = words.length > 1 ? join(to, word) : to;
      cpSync(source, target, { recursive: true, verbatimSymlinks: true });
    }
  },
  RUN(rest) {
    if (rest.startsWith('chown') && !isRoot) return console.log(`not run, since this is not root: ${rest}`);
    // The folders of the image are folders of the stage.
    const command = rest.replace(/(?<=\s)\/\w+/g, (path) => inside(path));
    execFileSync('sh', ['-c', command], { cwd: inside('.'), stdio: ['ignore', 'ignore', 'inherit'] });
  },
  ENV(rest) {
    for (const [, name, value] of rest.matchAll(/(\w+)=(\S+)/g)) stage.env[name] = value;
  },
  USER(rest) {
    stage.user = rest;
  },
  HEALTHCHECK(rest) {
    stage.health = JSON.parse(rest.slice(rest.indexOf('[')));
  },
  ENTRYPOINT(rest) {
    stage.entry = JSON.parse(rest);
  },
  CMD(rest) {
    stage.command = JSON.parse(rest);
  },
  EXPOSE(rest) {
    stage.port = rest;
  },
  LABEL: () => undefined,
  VOLUME(rest) {
    stage.volume = rest;
  },
};

function freePort() {
  return new Promise((settle) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => settle(port));
    });
  });
}

try {
  for (const { name, rest } of instructions()) {
    if (!carryOut[name]) throw new Error(`an unknown instruction: ${name}`);
    console.log(`${name} ${rest}`);
    carryOut[name](rest);
  }
  if (!stage.user || stage.user.startsWith('0') || stage.user.startsWith('root'))
    throw new Error('the image runs as root');
  if (existsSync(inside('/app/node_modules/typescript'))) throw new Error('the image has development packages');
  await useServer();
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
}

/** Starts the server as the image does, on a free port of the loopback address. */
async function useServer() {
  const port = await freePort();
  const [uid, gid] = stage.user.split(':').map(Number);
  const own = ([program, ...args]) => [program, ...args.map((arg) => (arg.startsWith('/') ? inside(arg) : arg))];
  const [program, ...args] = [...own(stage.entry), ...stage.command].map((arg) =>
    arg.replace(`0.0.0.0:${stage.port}`, `127.0.0.1:${port}`),
  );
  const env = { PATH: process.env.PATH, ...stage.env, XDG_DATA_HOME: inside(stage.env.XDG_DATA_HOME) };
  const child = spawn(program, args, {
    cwd: inside('.'),
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(isRoot ? { uid, gid } : {}),
  });
  const ended = new Promise((settle) => child.on('close', (code, signal) => settle({ code, signal })));
  try {
    const url = await new Promise((settle, fail) => {
      child.stdout.once('data', (text) => settle(String(text).trim()));
      void ended.then(({ code }) => fail(new Error(`the server ended with ${code}`)));
    });
    const [check, ...checkArgs] = own(stage.health);
    execFileSync(check, [...checkArgs, String(port)], { stdio: 'inherit' });
    console.log('the health check passes');
    execFileSync(process.execPath, [join(project, 'scripts/call-image.mjs'), url], { stdio: 'inherit' });
  } finally {
    child.kill('SIGTERM');
  }
  const { code, signal } = await ended;
  if (code !== 0) throw new Error(`SIGTERM should end the server with exit code 0: ${code} ${signal}`);
  console.log('SIGTERM ended it with exit code 0');
  const failed = (() => {
    try {
      const [check, ...checkArgs] = own(stage.health);
      execFileSync(check, [...checkArgs, String(port)], { stdio: 'ignore' });
      return false;
    } catch {
      return true;
    }
  })();
  if (!failed) throw new Error('the health check should fail when no server is there');
}
