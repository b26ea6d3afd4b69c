import type { Feature } from '../command/program.ts';
import { accessSection, httpSection, isOpen, unusedSettings } from './sections.ts';

/** Serves tools over Streamable HTTP, and decides who may call them. */
export const http: Feature = {
  name: 'http',
  sections: [accessSection, httpSection],
  transport: {
    isChosen: ({ http: address }) => address !== undefined,
    serve: async (program, options) => (await import('./serve.ts')).serveHttp(program, options),
    namesCallers: (config) => !isOpen(accessSection.of(config)),
    unused: unusedSettings,
  },
  commands: async () => (await import('./commands.ts')).addHttpCommands,
  check: async (config, catalog, environment) =>
    (await import('./access/check.ts')).checkAccess(config, catalog, environment),
};
