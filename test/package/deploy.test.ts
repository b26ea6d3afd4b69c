import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { sections } from '../../src/app.ts';
import { createCommandLine } from '../../src/cli/program.ts';
import type { Program } from '../../src/command/program.ts';
import { readSettings } from '../../src/config/file.ts';
import { httpServer } from '../support/http-server.ts';
import { temporaryFolder } from '../support/temporary.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const { version, mcpName, scripts } = JSON.parse(read('package.json'));
/** How long a server drains by default, in seconds. */
const drainSeconds = 30;

/** Fails unless each flag exists in the command that the arguments begin with. */
async function expectCommandLine(args: readonly string[]): Promise<void> {
  const cli = { environment: {}, isTerminal: false, print: () => undefined, tell: () => undefined };
  const commandLine = await createCommandLine({ cli } as Partial<Program> as Program, () => undefined);
  const command = commandLine.commands.find((each) => each.name() === args[0]);
  const known = command?.options.map(({ long }) => long);
  expect(command, `the command ${args[0]}`).toBeDefined();
  for (const flag of args.filter((arg) => arg.startsWith('--'))) expect(known).toContain(flag);
}

async function expectConfiguration(text: string): Promise<void> {
  const file = join(temporaryFolder(), 'config.json');
  writeFileSync(file, text);
  await readSettings(file, sections);
}

const dockerfile = read('Dockerfile');
/** Returns the values of the instructions of one name. */
const instructions = (name: string) =>
  [...dockerfile.matchAll(new RegExp(`^${name} (.+)$`, 'gm'))].map(([, value = '']) => value);

describe('Dockerfile', () => {
  it('builds in one stage, and runs as another user than root in the last', () => {
    expect(instructions('FROM')).toHaveLength(2);
    expect(instructions('USER')).toEqual(['1000:1000']);
  });

  it('starts Node itself, so that signals reach it, with a command line that exists', async () => {
    expect(JSON.parse(instructions('ENTRYPOINT')[0] ?? '')).toEqual(['node', '/app/dist/src/cli/main.js']);
    await expectCommandLine(JSON.parse(instructions('CMD').at(-1) ?? ''));
  });

  it('has a health check, and the name that the MCP registry looks for', () => {
    expect(instructions('HEALTHCHECK')[0]).toContain('["node", "/app/health.mjs"]');
    expect(dockerfile).toContain(`LABEL io.modelcontextprotocol.server.name="${mcpName}"`);
  });

  it('copies files that exist and that .dockerignore lets through', () => {
    const allowed = [...read('.dockerignore').matchAll(/^!(.+)$/gm)].map(([, path]) => path);
    const copied = instructions('COPY').filter((each) => !each.startsWith('--from'));
    for (const path of copied.flatMap((each) => each.split(' ').slice(0, -1))) {
      expect(allowed).toContain(path);
      expect(existsSync(join(root, path)), path).toBe(true);
    }
  });
});

describe('compose.yaml', () => {
  const { services, configs } = parse(read('compose.yaml'));
  const { redis, 'mcp-once': server } = services;

  it('starts the server with options that exist and a valid configuration', async () => {
    await expectCommandLine(server.command);
    await expectConfiguration(configs.config.content);
  });

  it('publishes a port of this machine only, since callers are not authenticated', () => {
    expect(server.command).toContain('--insecure');
    expect(server.ports).toEqual(['127.0.0.1:3000:3000']);
    expect(redis.ports).toBeUndefined();
  });

  it('gives the server more time than it drains', () => {
    expect(Number.parseInt(server.stop_grace_period, 10)).toBeGreaterThan(drainSeconds);
  });

  it('has a Redis that keeps its records', () => {
    expect(redis.command.join(' ')).toContain('--appendonly yes');
    expect(redis.command.join(' ')).toContain('--maxmemory-policy noeviction');
  });
});

describe('deploy/kubernetes.yaml', () => {
  const documents = parseAllDocuments(read('deploy/kubernetes.yaml')).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS();
  });
  const ofKind = (kind: string) => documents.find((each) => each.kind === kind);
  const { replicas, selector, template } = ofKind('Deployment').spec;
  const [container] = template.spec.containers;
  const probes = [container.startupProbe, container.livenessProbe, container.readinessProbe];

  it('has a deployment whose pods the service and the disruption budget select', () => {
    expect(template.metadata.labels).toEqual(selector.matchLabels);
    expect(ofKind('Service').spec.selector).toEqual(selector.matchLabels);
    expect(ofKind('PodDisruptionBudget').spec.selector).toEqual(selector);
    expect(ofKind('PodDisruptionBudget').spec.minAvailable).toBeLessThan(replicas);
  });

  it('runs this version with options that exist and a valid configuration', async () => {
    expect(container.image).toBe(`ghcr.io/mcp-once/mcp-once:${version}`);
    await expectCommandLine(container.args);
    await expectConfiguration(ofKind('ConfigMap').data['config.json']);
  });

  it('probes paths that the server answers', async () => {
    const { url } = await httpServer();
    for (const probe of probes) {
      const { path, port } = probe.httpGet;
      expect(container.ports.map(({ name }: { name: string }) => name)).toContain(port);
      // On a busy machine a readiness check may take longer than its limit.
      await expect.poll(async () => (await fetch(new URL(path, url))).status, { message: path }).toBe(200);
    }
  });

  it('gives a pod more time than the server drains', () => {
    expect(template.spec.terminationGracePeriodSeconds).toBeGreaterThan(drainSeconds + 5);
  });

  it('takes all rights from the container that it does not need', () => {
    expect(template.spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
  });
});

interface Job {
  readonly 'runs-on': string;
  readonly 'timeout-minutes': number;
  readonly needs?: string | readonly string[];
  readonly environment?: string;
  readonly permissions?: Record<string, string>;
  readonly strategy?: { readonly matrix: Record<string, readonly string[]> };
  readonly steps: readonly { readonly uses?: string; readonly run?: string }[];
}

describe.each(readdirSync(join(root, '.github/workflows')))('.github/workflows/%s', (name) => {
  const workflow = parse(read(`.github/workflows/${name}`));
  const jobs = Object.entries(workflow.jobs) as [string, Job][];

  it('has events, few permissions, and jobs with a time limit', () => {
    expect(Object.keys(workflow.on).length).toBeGreaterThan(0);
    expect(workflow.permissions).toEqual({ contents: 'read' });
    for (const [, job] of jobs) {
      expect(job['runs-on']).toBeTruthy();
      expect(job['timeout-minutes']).toBeGreaterThan(0);
      for (const need of [job.needs ?? []].flat()) expect(Object.keys(workflow.jobs)).toContain(need);
    }
  });

  it('uses actions of a major version, and does one thing in each step', () => {
    for (const step of jobs.flatMap(([, { steps }]) => steps)) {
      expect([step.uses, step.run].filter((each) => each !== undefined)).toHaveLength(1);
      if (step.uses !== undefined) expect(step.uses).toMatch(/^[\w-]+\/[\w-]+@v\d+$/);
    }
  });

  it('runs scripts that exist', () => {
    const commands = jobs.flatMap(([, { steps }]) => steps.map(({ run = '' }) => run)).join('\n');
    for (const [, script = ''] of commands.matchAll(/npm run ([\w:]+)/g)) expect(scripts).toHaveProperty([script]);
    for (const [path] of commands.matchAll(/(?<![\w/.-])(?:scripts|deploy|test|\.ci)\/[\w./-]+/g)) {
      expect(existsSync(join(root, path)), path).toBe(true);
    }
  });
});

describe('the workflows', () => {
  const { jobs: ci } = parse(read('.github/workflows/ci.yml'));
  const { jobs: publish } = parse(read('.github/workflows/publish.yml'));

  it('run .ci/run on Node 20, 22 and 24, and tests on macOS and Windows', () => {
    expect(ci.linux.strategy.matrix.node).toEqual(['20', '22', '24']);
    expect(ci.linux.steps.at(-1).run).toBe('bash .ci/run');
    expect(ci['other-systems'].strategy.matrix.os).toEqual(['macos-latest', 'windows-latest']);
  });

  it('publish with provenance, and the registry entry after what it names', () => {
    expect(publish.npm.permissions['id-token']).toBe('write');
    expect(publish.npm.steps.at(-1).run).toContain('npm publish --provenance');
    expect(publish.registry.needs).toEqual(['npm', 'image']);
  });
});

describe.each(['bug.yml', 'feature.yml'])('the issue form %s', (name) => {
  it('has fields with labels and unique ids', () => {
    const form = parse(read(`.github/ISSUE_TEMPLATE/${name}`));
    expect(form).toMatchObject({ name: expect.any(String), description: expect.any(String) });
    const fields = form.body.filter(({ type }: { type: string }) => type !== 'markdown');
    for (const { type, attributes } of fields) {
      expect(['dropdown', 'textarea', 'input', 'checkboxes']).toContain(type);
      expect(attributes.label).toBeTruthy();
    }
    const ids = fields.map(({ id }: { id: string }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('manifest.json', () => {
  it('has the version of the package, and no setting that is not used', () => {
    const text = read('manifest.json');
    const manifest = JSON.parse(text);
    expect(manifest.version).toBe(version);
    const used = [...text.matchAll(/user_config\.(\w+)/g)].map(([, setting]) => setting);
    expect(used.sort()).toEqual(Object.keys(manifest.user_config).sort());
  });
});
