import { readFileSync, realpathSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import { isObject } from '../core/json.ts';

interface Package {
  readonly name: string;
  readonly usesUs: boolean;
}

/**
 * Returns the name of the package that a program belongs to: that of the nearest `package.json` with a name above its
 * script. If the script belongs to a package that only starts the program, such as a test runner, the search begins in the
 * working directory instead.
 */
export function packageOf(script: string | undefined, folder: string): string | undefined {
  if (script === undefined) return packageAbove(folder)?.name;
  const file = realPath(script);
  const own = packageAbove(dirname(file));
  const isStarter = file.includes(`${sep}node_modules${sep}`) && own?.usesUs !== true;
  return isStarter ? packageAbove(folder)?.name : own?.name;
}

/** Returns the path of a script without symbolic links, as far as the script exists. */
export function realPath(script: string): string {
  try {
    return realpathSync(script);
  } catch {
    return resolve(script);
  }
}

function packageAbove(folder: string): Package | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const found = packageIn(at);
    if (found !== undefined || dirname(at) === at) return found;
  }
}

const dependencyKinds = ['dependencies', 'devDependencies', 'peerDependencies', 'optionalDependencies'] as const;

/** A `package.json` without a name only sets how Node reads the files of its folder. */
function packageIn(folder: string): Package | undefined {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  } catch {
    return undefined;
  }
  if (!isObject(content) || typeof content.name !== 'string' || content.name === '') return undefined;
  const uses = (kind: (typeof dependencyKinds)[number]): boolean => {
    const listed = (content as Record<string, unknown>)[kind];
    return isObject(listed) && 'mcp-once' in listed;
  };
  return { name: content.name.slice(0, 214), usesUs: dependencyKinds.some(uses) };
}
