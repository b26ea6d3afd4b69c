import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { slug } from 'github-slugger';
import { checkLinks } from './check-links.mjs';
import { sidebarOf } from './sidebar.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const docs = join(root, 'docs');
const { description, repository } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
/** The address of the repository's files; undefined while package.json names no repository. */
const repositoryUrl = (repository?.url ?? repository)?.replace(/^git\+|\.git$/g, '');

export default {
  title: 'mcp-once',
  description,
  base: process.env.SITE_BASE ?? '/',
  srcDir: docs,
  rewrites: { 'README.md': 'index.md', ':folder/README.md': ':folder/index.md' },
  markdown: {
    // The pages link to headings as GitHub names them.
    anchor: { slugify: slug },
    config(md) {
      md.core.ruler.push('links', (state) => adjustLinks(state.tokens, state.env.path));
      drawMermaid(md);
    },
  },
  themeConfig: {
    sidebar: sidebarOf(docs),
    nav: [
      { text: 'Guides', link: '/guides/demo', activeMatch: '/guides/' },
      { text: 'Concepts', link: '/concepts/operation-and-key', activeMatch: '/concepts/' },
      { text: 'Operations', link: '/operations/stores', activeMatch: '/operations/' },
      { text: 'Reference', link: '/reference/configuration', activeMatch: '/reference/' },
      { text: 'Troubleshooting', link: '/troubleshooting' },
    ],
    outline: [2, 3],
    search: { provider: 'local' },
    ...(repositoryUrl ? { socialLinks: [{ icon: 'github', link: repositoryUrl }] } : {}),
  },
  vite: { plugins: [{ name: 'packages-of-pages', enforce: 'pre', resolveId: resolveForPage }] },
  transformPageData(page) {
    if (page.relativePath === 'index.md') Object.assign(page.frontmatter, startPage);
  },
  buildEnd: ({ outDir, site }) => checkLinks(outDir, site.base),
};

/** The start page has a head above the list of pages. GitHub shows docs/README.md without it. */
const startPage = {
  layout: 'home',
  hero: {
    name: 'mcp-once',
    text: 'Tool calls that take effect once',
    tagline: 'However often a call is repeated, through however many clients, processes and crashes.',
    actions: [
      { text: 'See the demo', link: '/guides/demo' },
      { text: 'Use it in a client', link: '/guides/clients', theme: 'alt' },
      { text: 'Guard a server', link: '/guides/wrap', theme: 'alt' },
    ],
  },
};

/** Finds the packages of the components that VitePress makes of the pages: docs/ lies beside them, not above. */
function resolveForPage(id, importer, options) {
  if (!/^vue($|\/)/.test(id)) return null;
  if (options.ssr) return { id, external: true };
  return importer?.startsWith(docs)
    ? this.resolve(id, join(root, 'site/package.json'), { ...options, skipSelf: true })
    : null;
}

/** Leads a link to README.md to its folder's index, and a link out of docs/ to the repository. */
function adjustLinks(tokens, page) {
  for (const { children } of tokens) {
    for (const [index, token] of (children ?? []).entries()) {
      const href = token.type === 'link_open' ? token.attrGet('href') : undefined;
      if (!href || /^([a-z]+:|#|\/)/i.test(href)) continue;
      const [path, anchor] = href.split('#');
      const file = join(dirname(page), path);
      if (file.startsWith(docs)) {
        token.attrSet('href', href.replace(/README\.md/, 'index.md'));
      } else {
        if (!existsSync(file)) throw new Error(`${page}: there is no file ${path}`);
        const target = `${repositoryUrl}/blob/main/${file.slice(root.length)}${anchor ? `#${anchor}` : ''}`;
        if (repositoryUrl) token.attrSet('href', target);
        else removeLink(children, index);
      }
    }
  }
}

/** Leaves the text of a link and removes the link. */
function removeLink(tokens, index) {
  const end = tokens.findIndex(({ type }, at) => at > index && type === 'link_close');
  for (const token of [tokens[index], tokens[end]]) Object.assign(token, { type: 'text', tag: '', content: '' });
}

/** Leaves diagrams to a component, which draws them in the reader's colours. */
function drawMermaid(md) {
  const fence = md.renderer.rules.fence;
  md.renderer.rules.fence = (tokens, index, ...rest) => {
    const { info, content } = tokens[index];
    if (info.trim() !== 'mermaid') return fence(tokens, index, ...rest);
    return `<MermaidDiagram text="${encodeURIComponent(content)}" />`;
  };
}
