/** The longest URI template that is matched, in characters, and the most expressions in it. */
const templateCharsMax = 1_000;
const expressionsMax = 10;
/** The longest URI that a template can match, in characters. */
const uriCharsMax = 2_048;

/** A literal character, or an expression in braces: its first character, where it has one, and those that may follow. */
type Part =
  | { readonly type: 'literal'; readonly char: string }
  | { readonly type: 'expression'; readonly first: string; readonly allowsSlash: boolean };

/** The operators of RFC 6570 that begin their expansion with a character of their own. */
const prefixes: ReadonlySet<string> = new Set(['#', '.', '/', ';', '?', '&']);

/**
 * A URI template (RFC 6570) that can test whether a URI is one of its expansions. It follows all alternatives at once,
 * so that the time grows only with the product of both lengths. A regular expression made from a server's template
 * could take exponential time. Like MCP servers do, it lets a plain `{name}` match any character but a slash.
 */
export class UriTemplate {
  /** The text before the first expression. */
  readonly prefix: string;
  readonly #parts: readonly Part[];

  private constructor(prefix: string, parts: readonly Part[]) {
    this.prefix = prefix;
    this.#parts = parts;
  }

  /** Parses a template. Returns undefined for an invalid one, and for one that is too long to be matched. */
  static parse(template: string): UriTemplate | undefined {
    if (template.length > templateCharsMax) return undefined;
    const pieces = template.split(/\{([^{}]+)\}/);
    const isValid = pieces.every((piece, index) => index % 2 === 1 || !/[{}]/.test(piece));
    if (!isValid || pieces.length > 2 * expressionsMax + 1) return undefined;
    const parts = pieces.flatMap((piece, index): Part[] =>
      index % 2 === 1 ? [expressionOf(piece)] : [...piece].map((char) => ({ type: 'literal', char })),
    );
    return new UriTemplate(pieces[0] ?? '', parts);
  }

  /** Whether the literal text begins with a scheme, so that the template names its own URIs. */
  get hasScheme(): boolean {
    return /^[a-z][a-z0-9+.-]*:/i.test(this.prefix);
  }

  /** @param isWide lets each expression match any characters. Many servers declare `{path}` and mean `{+path}`. */
  matches(uri: string, isWide = false): boolean {
    if (uri.length > uriCharsMax || !uri.startsWith(this.prefix)) return false;
    // A position is twice the number of a part, and one more within an expression.
    let positions = this.#withSkipped(new Set([0]));
    for (const char of uri) {
      const next = new Set<number>();
      for (const position of positions) {
        const part = this.#parts[position >> 1];
        if (part?.type === 'literal' && part.char === char) next.add(position + 2);
        if (part?.type === 'expression' && accepts(part, char, position % 2 === 0, isWide)) next.add(position | 1);
      }
      if (next.size === 0) return false;
      positions = this.#withSkipped(next);
    }
    return positions.has(2 * this.#parts.length);
  }

  /** Adds the positions after expressions, which may expand to nothing or end here. A set visits what is added to it. */
  #withSkipped(positions: Set<number>): Set<number> {
    for (const position of positions) {
      if (this.#parts[position >> 1]?.type === 'expression') positions.add((position >> 1) * 2 + 2);
    }
    return positions;
  }
}

function expressionOf(text: string): Part {
  const [operator = ''] = text;
  const first = prefixes.has(operator) ? operator : '';
  // `*` is a wildcard for paths in some servers.
  return { type: 'expression', first, allowsSlash: '+#/'.includes(operator) || text.includes('*') };
}

function accepts(part: Part & { type: 'expression' }, char: string, isFirst: boolean, isWide: boolean): boolean {
  if (isWide) return true;
  if (isFirst && part.first !== '') return char === part.first;
  return part.allowsSlash || char !== '/';
}
