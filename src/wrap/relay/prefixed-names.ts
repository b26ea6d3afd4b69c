import { createHash } from 'node:crypto';

/** The longest tool name that clients and model providers accept. */
const charsMax = 64;
const hashChars = 8;
/** The length of the hash where the short one would make a name that is in use. */
const longHashChars = 32;
/** How many names of one server can be called. */
const namesMax = 20_000;

/** The tool or prompt that a client's name stands for. */
export interface NameTarget<Server> {
  readonly server: Server;
  /** The server's own name for it. */
  readonly name: string;
}

/**
 * Makes the names under which a client sees several servers' tools or prompts: `server_tool`, at most 64 characters
 * of `A-Z a-z 0-9 _ -`. A name that is too long, or already in use, ends in a hash of the server and the own name.
 * A name that could belong to two servers belongs to the one with the longer name, whichever lists it first. So a
 * name that a model remembers leads to the same server after a restart.
 */
export class PrefixedNames<Server extends { readonly name: string }> {
  readonly #targets = new Map<string, NameTarget<Server>>();
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
    const other = this.#targets.get(plain);
    const owner = this.#ownerOf(plain);
    const isTaken = other !== undefined || (owner !== undefined && owner !== server);
    const isHashed = isTaken || plain.length > charsMax || this.#looksHashed(server, plain);
    const shown = isHashed ? this.#freeName(plain, [server.name, name]) : plain;
    if (other) this.#warn(collision(shown, { server, name }, other));
    else if (isTaken)
      this.#warn(`"${name}" of ${server.name} is shown as ${shown}: ${plain} would be a name of ${owner?.name}`);
    if (names.size >= namesMax) return shown;
    names.set(name, shown);
    this.#targets.set(shown, { server, name });
    return shown;
  }

  find(shown: string): NameTarget<Server> | undefined {
    return this.#targets.get(shown);
  }

  /** Whether the name could be the one with a hash that another server's tool has. */
  #looksHashed(server: Server, plain: string): boolean {
    if (!hashedEnd.test(plain)) return false;
    return this.#servers().some((other) => other !== server && plain.startsWith(plainOf(`${other.name}_`)));
  }

  /** Returns a name with a hash. A server can search for a short hash that is in use, but not for a long one. */
  #freeName(plain: string, parts: readonly string[]): string {
    const short = hashed(plain, parts, hashChars);
    return this.#targets.has(short) ? hashed(plain, parts, longHashChars) : short;
  }

  /** Returns the server whose prefix the name has; of two, the one with the longer name. */
  #ownerOf(plain: string): Server | undefined {
    const owners = this.#servers().filter(({ name }) => plain.startsWith(plainOf(`${name}_`)));
    return owners.sort((one, other) => other.name.length - one.name.length)[0];
  }
}

const hashedEnd = new RegExp(`_[0-9a-f]{${hashChars}}$`);

function plainOf(text: string): string {
  return text.replace(/[^A-Za-z0-9_-]/g, '_');
}

function hashed(plain: string, parts: readonly string[], chars: number): string {
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, chars);
  return `${plain.slice(0, charsMax - chars - 1)}_${hash}`;
}

function collision<Server extends { readonly name: string }>(
  shown: string,
  mine: NameTarget<Server>,
  other: NameTarget<Server>,
): string {
  const both = [mine, other].map(({ server, name }) => `"${name}" of ${server.name}`);
  return `${both.join(' and ')} would have the same name: the first is shown as ${shown}`;
}
