type Headers = Readonly<Record<string, string>>;

/** `${GITHUB_TOKEN}`: the value of a variable. */
const reference = /\$\{([A-Za-z_][A-Za-z0-9_]{0,99})\}/g;

/** Headers whose values are there as they stand, and those that are made of variables: credentials, that is. */
export function splitHeaders(headers: Headers): { readonly plain: Headers; readonly fromVariables: Headers } {
  const entries = Object.entries(headers);
  const named = entries.filter(([, value]) => namesIn(value).length > 0);
  const plain = entries.filter(([, value]) => namesIn(value).length === 0);
  return { plain: Object.fromEntries(plain), fromVariables: Object.fromEntries(named) };
}

/** The variables that headers are made of, each once. */
export function headerVariables(headers: Headers): readonly string[] {
  return [...new Set(Object.values(headers).flatMap(namesIn))];
}

/** A header's value with its variables filled in, and their values; undefined where one is not set. */
export function filledHeader(template: string, environment: Readonly<Record<string, string | undefined>>) {
  const secrets = namesIn(template).map((name) => environment[name]?.trim() ?? '');
  if (secrets.includes('')) return undefined;
  const value = template.replace(reference, (_, name: string) => environment[name]?.trim() ?? '');
  return { value, secrets };
}

function namesIn(value: string): string[] {
  return [...value.matchAll(reference)].map(([, name = '']) => name);
}
