import { createHash } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

/** What a file is loaded as. */
interface Version {
  readonly url: string;
  /** Of its content; undefined when it could not be loaded. */
  readonly digest: string | undefined;
}

/**
 * Loads files again that have changed. Node keeps a module by its URL for as long as the process lives, so that
 * each version has a URL of its own. A file whose content is the same stays the module it was; so does, whatever becomes
 * of it, what a file imports.
 */
export class ModuleVersions {
  readonly #versions = new Map<string, Version>();
  #made = 0;

  /** What a file exports now. @throws what loading it throws; the next call then loads it anew. */
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
    // Of a CommonJS module Node minds no query.
    delete createRequire(import.meta.url).cache[await realpath(file)];
    this.#made += 1;
    return `${href}?reload=${this.#made}`;
  }
}
