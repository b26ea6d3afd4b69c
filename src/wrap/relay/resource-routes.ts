import { BoundedMap } from '../../core/bounded-map.ts';
import { UriTemplate } from './uri-template.ts';

/** How many templates of one server are matched. */
const templatesMax = 100;
/** How many URIs from tool results are remembered, and how long they may be, in characters. */
const linksMax = 10_000;
const linkCharsMax = 2_048;

/**
 * Decides which server a resource belongs to. The order of the configuration decides, and never the order in which
 * servers answer. The resource belongs to the first of these:
 *
 * 1. a server that lists the URI, if no earlier one has a template with a scheme that matches it;
 * 2. a server with such a template, or one whose tool result named the URI;
 * 3. a server with a template that matches it when its expressions match any text, or one whose tool result named it.
 */
export class ResourceRoutes<Server> {
  readonly #resources = new Map<Server, ReadonlySet<string>>();
  readonly #templates = new Map<Server, ReadonlyMap<string, UriTemplate | undefined>>();
  readonly #links = new BoundedMap<string, Server>(linksMax);
  readonly #servers: () => readonly Server[];

  /** @param servers returns all servers, in the order of the configuration. */
  constructor(servers: () => readonly Server[]) {
    this.#servers = servers;
  }

  /** Replaces the URIs that a server lists. */
  setResources(server: Server, uris: readonly string[]): void {
    this.#resources.set(server, new Set(uris));
  }

  /** Replaces the templates that a server lists. */
  setTemplates(server: Server, templates: readonly string[]): void {
    const parsed = templates.map((text, index) => {
      return [text, index < templatesMax ? UriTemplate.parse(text) : undefined] as const;
    });
    this.#templates.set(server, new Map(parsed));
  }

  /** Remembers a URI that a server named in a tool result, and perhaps does not list. */
  addLink(server: Server, uri: string): void {
    if (uri.length > linkCharsMax) return;
    const before = this.#links.get(uri);
    const servers = this.#servers();
    if (before === undefined || servers.indexOf(server) < servers.indexOf(before)) this.#links.set(uri, server);
  }

  /** Returns the server that a URI is read from. */
  ownerOf(uri: string): Server | undefined {
    const servers = this.#servers();
    const listing = this.listedOwnerOf(uri);
    if (listing !== undefined && this.#resources.get(listing)?.has(uri)) return listing;
    const isWide = listing === undefined;
    const linking = this.#links.get(uri);
    return servers.find((server) => server === linking || this.#hasMatch(server, uri, isWide));
  }

  /** Returns the server whose lists name a URI. */
  listedOwnerOf(uri: string): Server | undefined {
    return this.#servers().find(
      (server) => this.#resources.get(server)?.has(uri) || this.#hasMatch(server, uri, false),
    );
  }

  /** Returns the server of a template. */
  ownerOfTemplate(template: string): Server | undefined {
    return this.#servers().find((server) => this.#templates.get(server)?.has(template));
  }

  #hasMatch(server: Server, uri: string, isWide: boolean): boolean {
    for (const template of this.#templates.get(server)?.values() ?? [])
      if (template && (isWide || template.hasScheme) && template.matches(uri, isWide)) return true;
    return false;
  }
}
