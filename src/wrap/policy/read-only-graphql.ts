/** Longer documents are guarded. */
const charsMax = 100_000;

/** Ignored characters, comments, strings, names, and punctuation (GraphQL October 2021, 2.1). */
const token =
  /[\s,\uFEFF]+|#[^\n\r]*|"""(?:\\"""|(?!""")[\s\S])*"""|"(?!"")(?:[^"\\\n\r]|\\.)*"|[A-Za-z_]\w*|-?\d[\d.eE+-]*|\.\.\.|[!$&()=:@[\]{|}]/y;

/** Tests whether each operation of a GraphQL document is a query. A document that cannot be read is none. */
export function isReadOnlyGraphql(document: string): boolean {
  if (document.length > charsMax) return false;
  let depth = 0;
  let operations = 0;
  /** Whether a definition begins here: at the start, and after the selection set of the one before. */
  let isStart = true;
  for (let at = 0; at < document.length; ) {
    token.lastIndex = at;
    const found = token.exec(document)?.[0];
    if (found === undefined) return false;
    at += found.length;
    if (/^[\s,\uFEFF#]/.test(found)) continue;
    if (depth === 0 && isStart) {
      if (found !== '{' && found !== 'query' && found !== 'fragment') return false;
      if (found !== 'fragment') operations += 1;
      isStart = false;
    }
    if (/^[{([]$/.test(found)) depth += 1;
    if (/^[})\]]$/.test(found)) depth -= 1;
    if (depth < 0) return false;
    if (depth === 0 && found === '}') isStart = true;
  }
  return depth === 0 && isStart && operations > 0;
}
