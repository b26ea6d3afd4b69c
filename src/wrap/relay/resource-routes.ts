/** How many resources and templates are remembered. */
const routesMax = 100_000;

/** Which server has which resource, by what was listed; a resource that was not listed, by the templates. */
export class ResourceRoutes<Server extends { readonly name: string }> {
  readonly #resources = new Map<string, Server>();
  readonly #templates = new Map<string, Server>();
  readonly #warn: (message: string) => void;

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  learnResource(server: Server, uri: unknown): void {
    this.#learn(this.#resources, server, uri);
  }

  learnTemplate(server: Server, template: unknown): void {
    this.#learn(this.#templates, server, template);
  }

  /** Undefined where nothing says whose it is. */
  find(uri: string): Server | undefined {
    const listed = this.#resources.get(uri) ?? this.#templates.get(uri);
    if (listed) return listed;
    let best = '';
    let found: Server | undefined;
    for (const [template, server] of this.#templates) {
      const fixed = template.split('{')[0] ?? '';
      if (fixed.length > best.length && uri.startsWith(fixed)) [best, found] = [fixed, server];
    }
    return found;
  }

  #learn(routes: Map<string, Server>, server: Server, key: unknown): void {
    if (typeof key !== 'string') return;
    const before = routes.get(key);
    if (before === undefined && routes.size < routesMax) routes.set(key, server);
    else if (before && before !== server)
      this.#warn(`${server.name} has a resource that ${before.name} has, too: the latter's is read`);
  }
}
