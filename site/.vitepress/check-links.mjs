import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Checks every link within the built site: its page or file, and its anchor. @throws with a list of the dead ones. */
export function checkLinks(folder, base) {
  const pages = readdirSync(folder, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.html'));
  const html = new Map(pages.map((name) => [name.replaceAll('\\', '/'), readFileSync(join(folder, name), 'utf8')]));
  const dead = [];
  for (const [page, text] of html) {
    for (const [, link] of text.matchAll(/\s(?:href|src)="([^"]*)"/g)) {
      const url = new URL(link.replaceAll('&amp;', '&'), `http://site${base}${page}`);
      if (url.host !== 'site') continue;
      const path = decodeURI(url.pathname)
        .slice(base.length)
        .replace(/(^|\/)$/, '$1index.html');
      const anchor = decodeURIComponent(url.hash.slice(1));
      const target = html.get(path);
      const found = anchor === '' || target === undefined ? existsSync(join(folder, path)) : hasAnchor(target, anchor);
      if (!found) dead.push(`${page}: ${link}`);
    }
  }
  if (dead.length > 0) throw new Error(`dead links:\n${dead.join('\n')}`);
  console.log(`${html.size} pages, no dead links`);
}

const hasAnchor = (text, anchor) => text.includes(` id="${anchor.replaceAll('&', '&amp;')}"`);
