import { watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Config } from '../config/config.ts';
import { describeError } from '../core/errors.ts';

/** How long files have to be unchanged before the tools are reloaded, in ms: editors write in several steps. */
const quietMs = 100;

/**
 * Calls `changed` after a change in the tools folders or in the configuration file.
 * @param warn called for a folder that the system cannot watch
 * @returns a function that stops watching
 */
export function watchTools(
  { toolsDirs, file }: Pick<Config, 'toolsDirs' | 'file'>,
  changed: () => void,
  warn: (message: string) => void,
): () => void {
  let timer: NodeJS.Timeout | undefined;
  const later = (): void => {
    clearTimeout(timer);
    timer = setTimeout(changed, quietMs);
    timer.unref();
  };
  const watched = [
    ...toolsDirs.map((folder) => ({ folder, name: undefined })),
    // Editors replace the file, and a watcher of the file itself would watch the old one.
    ...(file === undefined ? [] : [{ folder: dirname(file), name: basename(file) }]),
  ];
  const watchers = watched.flatMap(({ folder, name }) => {
    const refused = (error: unknown): void => warn(`--watch: ${folder} is not watched: ${describeError(error)}`);
    try {
      const watcher = watch(folder, { persistent: false }, (_, changedName) => {
        if (name === undefined || changedName === null || changedName === name) later();
      });
      return [watcher.on('error', refused)];
    } catch (error) {
      refused(error);
      return [];
    }
  });
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
}
