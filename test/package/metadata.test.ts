import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { createCommandLine } from '../../src/cli/program.ts';
import type { Program } from '../../src/command/program.ts';

const read = (path: string) => readFileSync(fileURLToPath(new URL(path, import.meta.url)), 'utf8');
const readJson = (path: string) => JSON.parse(read(path));

const manifest = readJson('../../package.json');
const server = readJson('../../server.json');
const repository = 'https://github.com/mcp-once/mcp-once';

describe('package.json', () => {
  it('names one repository for code, bugs, home page and registry', () => {
    expect(manifest).toMatchObject({
      repository: { type: 'git', url: `git+${repository}.git` },
      bugs: { url: `${repository}/issues` },
      homepage: `${repository}#readme`,
      mcpName: 'io.github.mcp-once/mcp-once',
      publishConfig: { access: 'public', provenance: true },
    });
  });
});

describe('server.json', () => {
  const schema = readJson('server.schema.json');
  const ajv = new Ajv({ strict: false, allErrors: true });
  formats.default(ajv);
  const validate = ajv.compile(schema);

  it('is valid by the schema that it names', () => {
    expect(schema.$id).toBe(server.$schema);
    validate(server);
    expect(validate.errors).toBeNull();
  });

  it('is refused by the schema when a description is too long', () => {
    expect(validate({ ...server, description: 'x'.repeat(101) })).toBe(false);
  });

  it('has the name, version and addresses of package.json', () => {
    expect(server).toMatchObject({
      name: manifest.mcpName,
      version: manifest.version,
      websiteUrl: manifest.homepage,
      repository: { url: repository, source: 'github' },
      packages: [
        { registryType: 'npm', identifier: manifest.name, version: manifest.version },
        { registryType: 'oci', identifier: `ghcr.io/mcp-once/mcp-once:${manifest.version}` },
      ],
    });
  });

  it('names commands and variables that exist', async () => {
    const cli = { environment: {}, isTerminal: false, print: () => undefined, tell: () => undefined };
    const commandLine = await createCommandLine({ cli } as Partial<Program> as Program, () => undefined);
    const commands = commandLine.commands.map((each) => each.name());
    const variables = read('../../docs/reference/configuration.md');
    for (const { packageArguments, environmentVariables } of server.packages) {
      for (const { value } of packageArguments) expect(commands).toContain(value);
      for (const { name } of environmentVariables) expect(variables).toContain(`\`${name}\``);
    }
  });
});
