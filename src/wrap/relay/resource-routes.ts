const routesMax = 100_000;

/** Finds the server of a resource: by its listed URI, else by the listed URI templates. */
export class ResourceRoutes<Server extends { readonly name: string }> {
  readonly #resources = new Map<string, Server>();
  readonly #templates = new Map<string, Server>();
  readonly #warn: (message: string) => void;

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  addResource(server: Server, uri: unknown): void {
    this.#add(this.#resources, server, uri);
  }

  addTemplate(server: Server, template: unknown): void {
    this.#add(this.#templates, server, template);
  }

  find(uri: string): Server | undefined {
    const listed = this.#resources.get(uri) ?? this.#templates.get(uri);
    if (listed) return listed;
    let longest = '';
    let found: Server | undefined;
    for (const [template, server] of this.#templates) {
      const prefix = template.split('{')[0] ?? '';
      if (prefix.length > longest.length && uri.startsWith(prefix)) [longest, found] = [prefix, server];
    }
    return found;
  }

  #add(routes: Map<string, Server>, server: Server, key: unknown): void {
    if (typeof key !== 'string') return;
    const before = routes.get(key);
    if (before === undefined && routes.size < routesMax) routes.set(key, server);
    else if (before && before !== server)
      this.#warn(`${server.name} and ${before.name} list the same resource: it is read from ${before.name}`);
  }
}
