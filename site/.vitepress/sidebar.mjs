import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The folders of docs/, in the order of the sidebar. */
const folders = ['guides', 'concepts', 'operations', 'reference', 'contributing', 'decisions'];

/** Makes the sidebar from the folders. Their pages are in the order of the index, with the names that it gives them. */
export function sidebarOf(docs) {
  const index = readFileSync(join(docs, 'README.md'), 'utf8');
  const links = [...index.matchAll(/\[([^\]]+)\]\(([^)#]+\.md)\)/g)].map(([, text, path]) => ({ text, path }));
  const unlisted = readdirSync(docs, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !folders.includes(entry.name))
    .map(({ name }) => name);
  if (unlisted.length > 0) throw new Error(`docs/ has folders that the sidebar lacks: ${unlisted.join(', ')}`);
  const groups = folders.map((folder) => ({
    text: folder[0].toUpperCase() + folder.slice(1),
    collapsed: folder === 'decisions',
    items: pagesOf(docs, folder, links),
  }));
  return [...groups, { text: 'Troubleshooting', link: '/troubleshooting' }];
}

function pagesOf(docs, folder, links) {
  const files = readdirSync(join(docs, folder)).filter((name) => name.endsWith('.md') && name !== 'README.md');
  const position = (file) => {
    const at = links.findIndex(({ path }) => path === `${folder}/${file}`);
    return at < 0 ? links.length : at;
  };
  return files
    .sort((a, b) => position(a) - position(b) || (a < b ? -1 : 1))
    .map((file) => ({
      text: textOf(links[position(file)]?.text ?? headingOf(join(docs, folder, file))),
      link: `/${folder}/${file.replace(/\.md$/, '')}`,
    }));
}

const textOf = (text) => text[0].toUpperCase() + text.slice(1);

const headingOf = (file) => /^# (.+)$/m.exec(readFileSync(file, 'utf8'))[1];
