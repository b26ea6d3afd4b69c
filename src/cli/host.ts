import { loadCatalog } from '../app/catalog.ts';
import { createApp, features, sections } from '../app.ts';
import { type Cli, warner } from '../command/cli.ts';
import type { Program, Purpose } from '../command/program.ts';
import { type Config, loadConfig } from '../config/config.ts';
import { defined } from '../core/json.ts';
import { createLog } from '../core/observe/log.ts';
import { openClientVariables, tellOfSandbox } from './sandbox.ts';

/** Returns what the commands use: configuration, tools, app and server. */
export function programOf(cli: Cli): Program {
  const { environment } = cli;
  const program: Program = {
    cli,
    config: ({ config, store, tools, logLevel, logFormat, sections: chosen, bundledTools }, purpose = 'serve') =>
      loadConfig({
        environment,
        sections,
        needsSubject: needsSubject(purpose),
        overrides: defined({ config, store, logLevel, logFormat, toolsDirs: tools, sections: chosen, bundledTools }),
      }),
    catalog: (config) => loadCatalog(config, features, warner(cli)),
    app: async (config, options) => {
      const { log = createLog({ level: config.logLevel, format: config.logFormat }) } = options;
      // Tools from elsewhere bring their own clients: only the configured ones may need the local invoicing API.
      const variables = options.catalog ? { environment } : await openClientVariables(environment, config, log);
      const app = await createApp(config, { ...variables, ...options, log });
      tellOfSandbox(cli, app);
      return app;
    },
    serve: async (options, command) => {
      const transport = features.find((feature) => feature.transport?.isChosen(options))?.transport;
      if (transport) return transport.serve(program, options);
      return (await import('./serve.ts')).serveStdio(program, options, command);
    },
    reloadTools: async (options, served) => (await import('./reload.ts')).reloadTools(program, options, served),
  };
  return program;
}

function needsSubject(purpose: Purpose): (config: Config) => boolean {
  if (purpose === 'serve') return () => true;
  if (purpose === 'operate') return () => false;
  return (config) => !features.some(({ transport }) => transport?.namesCallers(config));
}
