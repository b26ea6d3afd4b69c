import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../config/config.ts';
import { defineSection } from '../config/section.ts';
import { defined } from '../core/json.ts';
import type { AccessConfig } from './access/config.ts';
import type { HttpConfig } from './config.ts';
import { accessDefaults, httpDefaults } from './defaults.ts';

/** The options of `serve --http`. */
export const httpSection = defineSection<HttpConfig>({
  key: 'http',
  description: 'How the tools are served over HTTP (serve --http).',
  defaults: httpDefaults,
  loadSchema: async () => {
    const { httpSchema } = await import('./config.ts');
    return { schema: httpSchema, keysAt: () => Object.keys(httpSchema.shape) };
  },
});

/** Authentication and limits for callers over HTTP. */
export const accessSection = defineSection<AccessConfig>({
  key: 'access',
  description: 'Who may call over HTTP: bearer tokens of this file, OAuth, and limits of concurrent calls.',
  defaults: accessDefaults,
  loadSchema: async () => {
    const { accessKeys, accessSchema } = await import('./access/config.ts');
    return { schema: accessSchema, keysAt: accessKeys };
  },
  // A hash can reveal a token that a person chose.
  shown: ({ tokens, ...rest }) => ({
    tokens: tokens.map((each) => ({ ...each, hash: `${each.hash.slice(0, 'sha256:'.length + 8)}***` })),
    ...rest,
  }),
});

/** Whether everybody who reaches the server may call its tools. */
export function isOpen({ tokens, oauth }: AccessConfig): boolean {
  return tokens.length === 0 && oauth === undefined;
}

/** Warns of settings that have no effect over stdio. */
export function unusedSettings(config: Config): string | undefined {
  const changed = [httpSection, accessSection].filter(
    (section) => !isDeepStrictEqual(defined(section.of(config)), defined(section.defaults)),
  );
  if (changed.length === 0) return undefined;
  const keys = changed.map(({ key }) => `"${key}"`).join(' and ');
  return `the configuration sets ${keys}, which has no effect over stdin and stdout: add --http to serve over HTTP`;
}
