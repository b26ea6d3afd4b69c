import { createHash } from 'node:crypto';

/** What clients and model providers take as a tool's name. */
const charsMax = 64;
const hashChars = 8;

/** Where a name that a client sees leads. */
export interface NameTarget<Server> {
  readonly server: Server;
  /** As the server knows it. */
  readonly name: string;
}

/**
 * The names that a client sees of several servers' tools (or prompts): `server_tool`, at most 64 characters
 * of `A-Z a-z 0-9 _ -`. One that is too long, or that another has already, ends in a hash of what it stands for.
 * One that could be that of two servers is that of the one with the longer name, whoever lists it first: a name
 * that a model remembers must not lead to another server after a restart.
 */
export class PrefixedNames<Server extends { readonly name: string }> {
  readonly #origins = new Map<string, NameTarget<Server>>();
  readonly #shown = new Map<Server, Map<string, string>>();
  readonly #servers: () => readonly Server[];
  readonly #warn: (message: string) => void;

  constructor(servers: () => readonly Server[], warn: (message: string) => void) {
    this.#servers = servers;
    this.#warn = warn;
  }

  prefix(server: Server, name: string): string {
    const names = this.#shown.get(server) ?? new Map<string, string>();
    this.#shown.set(server, names);
    const known = names.get(name);
    if (known !== undefined) return known;
    const plain = plainOf(`${server.name}_${name}`);
    const other = this.#origins.get(plain);
    const owner = this.#ownerOf(plain);
    const isTaken = other !== undefined || (owner !== undefined && owner !== server);
    const shown = isTaken || plain.length > charsMax ? hashed(plain, [server.name, name]) : plain;
    if (other) this.#warn(collision(shown, { server, name }, other));
    else if (isTaken)
      this.#warn(`"${name}" of ${server.name} is shown as ${shown}: ${plain} would be one of ${owner?.name}`);
    names.set(name, shown);
    this.#origins.set(shown, { server, name });
    return shown;
  }

  find(shown: string): NameTarget<Server> | undefined {
    return this.#origins.get(shown);
  }

  /** Whose names begin like this one; of two such servers the one with the longer name, or else the first. */
  #ownerOf(plain: string): Server | undefined {
    const owners = this.#servers().filter(({ name }) => plain.startsWith(plainOf(`${name}_`)));
    return owners.sort((one, other) => other.name.length - one.name.length)[0];
  }
}

function plainOf(text: string): string {
  return text.replace(/[^A-Za-z0-9_-]/g, '_');
}

function hashed(plain: string, parts: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, hashChars);
  return `${plain.slice(0, charsMax - hashChars - 1)}_${hash}`;
}

function collision<Server extends { readonly name: string }>(
  shown: string,
  mine: NameTarget<Server>,
  other: NameTarget<Server>,
): string {
  const both = [mine, other].map(({ server, name }) => `"${name}" of ${server.name}`);
  return `${both.join(' and ')} would have one name: the first is shown as ${shown}`;
}
