import { createHash } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

/** The loaded version of a file. */
interface Version {
  readonly url: string;
  /** The hash of the content; undefined if the file could not be loaded. */
  readonly digest: string | undefined;
}

/**
 * Reloads files whose content has changed. Node keeps a module by its URL for the life of the process, so each version
 * gets its own URL. An unchanged file stays the same module. The modules that a file imports are never reloaded.
 */
export class ModuleVersions {
  readonly #versions = new Map<string, Version>();
  #made = 0;

  /** Returns the present exports of a file. If loading throws, the next call loads the file again. */
  readonly load = async (file: string): Promise<Record<string, unknown>> => {
    const digest = createHash('sha256')
      .update(await readFile(file))
      .digest('hex');
    const known = this.#versions.get(file);
    const url = known?.digest === digest ? known.url : await this.#nextUrl(file, known);
    this.#versions.set(file, { url, digest: undefined });
    const exported = (await import(url)) as Record<string, unknown>;
    this.#versions.set(file, { url, digest });
    return exported;
  };

  async #nextUrl(file: string, known: Version | undefined): Promise<string> {
    const { href } = pathToFileURL(file);
    if (known === undefined) return href;
    // Node ignores the query of a CommonJS module's URL.
    delete createRequire(import.meta.url).cache[await realpath(file)];
    this.#made += 1;
    return `${href}?reload=${this.#made}`;
  }
}
