import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import type { Environment } from '../../config/config.ts';

/** Words that may stand before the name of the started program. */
const launcher =
  /^(?:-.*|\/[cds]|(?:.*[\\/])?(?:npx|bunx|pnpm|yarn|dlx|exec|node|bun|cmd|env)(?:\.(?:cmd|exe|ps1))?|(?:.*[\\/])?npx-cli\.js)$/i;
const ownName = /^(?:.*[\\/])?mcp-once(?:@[^\\/]*)?(?:\.(?:cmd|exe|ps1))?$|[\\/]mcp-once[\\/].*main\.[jt]s$/i;
/** The main file in a clone whose folder has another name. */
const ownMainFile = /[\\/]src[\\/]cli[\\/]main\.[jt]s$/i;
const ownCommand = /^(?:wrap|serve|openapi)$/;

/**
 * Returns the words that start this installation: the absolute paths of node and of the main file. Desktop programs do
 * not see the PATH of a shell. A path of `npx` would not do: npx finds neither its shell nor node without a PATH.
 */
export function ownWords(environment: Environment): readonly string[] {
  const manifest = createRequire(import.meta.url).resolve('mcp-once/package.json');
  return [nodePath(environment), join(dirname(manifest), 'dist/src/cli/main.js')];
}

/** Whether npm may remove the folder of this installation at any time. */
export function isInNpxCache(words: readonly string[]): boolean {
  return words.some((word) => /[\\/]_npx[\\/]/.test(word));
}

/**
 * The path of node. A link on the PATH to the same program is better than its place, which holds a version with
 * Homebrew. The links of fnm live as long as their shell.
 */
function nodePath({ PATH = '' }: Environment): string {
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  const folders = PATH.split(delimiter).filter((folder) => isAbsolute(folder) && !/fnm_multishells|_npx/.test(folder));
  const links = folders.map((folder) => join(folder, name));
  return (
    links.find((link) => existsSync(link) && realpathSync(link) === realpathSync(process.execPath)) ?? process.execPath
  );
}

/** Returns what follows mcp-once in a command line; undefined where it starts another program. */
export function wordsAfterOwn(words: readonly string[]): readonly string[] | undefined {
  const index = words.findIndex((word, place) => !launcher.test(word) || isOwn(word, words[place + 1]));
  return index >= 0 && isOwn(words[index] ?? '', words[index + 1]) ? words.slice(index + 1) : undefined;
}

function isOwn(word: string, next: string | undefined): boolean {
  return ownName.test(word) || (ownMainFile.test(word) && ownCommand.test(next ?? ''));
}
