// Builds docs/ as a site, into site/.vitepress/dist. It installs the site's own packages first, if their lock file has changed
// since the last installation. `dev` serves the pages while they are edited, `preview` the built site.
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installFolder } from './install-folder.mjs';

const site = fileURLToPath(new URL('../site', import.meta.url));
const [command = 'build', ...more] = process.argv.slice(2);

installFolder(site);
if (command === 'build') rmSync(join(site, '.vitepress/dist'), { recursive: true, force: true });
const vitepress = join(site, 'node_modules/vitepress/bin/vitepress.js');
execFileSync(process.execPath, [vitepress, command, site, ...more], { cwd: site, stdio: 'inherit' });
