import { execFile } from 'node:child_process';
import { cp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { rolldown } from 'rolldown';
import { expect, test } from 'vitest';
import { isSoak } from '../support/soak.ts';
import { temporaryFolder } from '../support/temporary.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Copies the source, without a feature's folder and without its line in `app.ts`, and builds it. A bundle fails at an
 * import of the folder. The compiler, which takes ten times as long, also sees types: `npm run test:soak` runs it.
 */
async function buildWithout(feature: string): Promise<string> {
  const folder = temporaryFolder();
  for (const part of ['src', 'sandbox', 'package.json', 'tsconfig.json']) {
    await cp(join(root, part), join(folder, part), { recursive: true });
  }
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  await rm(join(folder, 'src', feature), { recursive: true });
  const app = join(folder, 'src/app.ts');
  const lines = (await readFile(app, 'utf8')).split('\n').filter((line) => !line.includes(`./${feature}/feature.ts`));
  const text = lines
    .join('\n')
    .replace(
      new RegExp(`(features: readonly Feature\\[\\] = \\[[^\\]]*?)(, )?\\b${feature}\\b(, )?`),
      (_, head, before = '', after = '') => `${head}${before && after ? ', ' : ''}`,
    );
  await writeFile(app, text);
  if (isSoak) {
    const config = { extends: './tsconfig.json', include: ['src', 'sandbox'], compilerOptions: { noEmit: true } };
    await writeFile(join(folder, 'tsconfig.part.json'), JSON.stringify(config));
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    await run(process.execPath, [compiler, '-p', 'tsconfig.part.json'], { cwd: folder });
  }
  const entry = join(folder, 'src/cli/main.ts');
  const bundle = await rolldown({ input: { main: entry }, platform: 'node', external: /^[^./]/, cwd: folder });
  await bundle.write({ dir: join(folder, 'dist'), format: 'esm' });
  await bundle.close();
  return join(folder, 'dist/main.js');
}

test.each([
  { feature: 'http', command: ['serve', '--http'], section: 'access' },
  { feature: 'openapi', command: ['openapi', 'x.json', '--list'], section: 'openapi' },
  { feature: 'wrap', command: ['wrap', '--explain'], section: 'mcpServers' },
])('the program builds and runs without the folder and the line of $feature', async ({ feature, command, section }) => {
  const program = await buildWithout(feature);
  const { stdout } = await run(process.execPath, [program, 'config', 'schema']);
  const { properties } = JSON.parse(stdout) as { properties: Record<string, unknown> };
  expect(properties).toHaveProperty('store');
  expect(properties).not.toHaveProperty(section);
  const refused = run(process.execPath, [program, ...command]);
  await expect(refused).rejects.toMatchObject({ code: 2, stderr: expect.stringMatching(/unknown (command|option)/) });
});
