import { defineSection } from '../config/section.ts';
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
