import { errorLine, warner } from '../command/cli.ts';
import type { ConfigOptions, Program, Reloadable } from '../command/program.ts';
import type { Config } from '../config/config.ts';
import { sentence } from '../core/suggest.ts';
import { tellOfSandbox } from './sandbox.ts';

/** Replaces the tools by those of the configuration as it is now. Never rejects: it prints what is wrong. */
export async function reloadTools(program: Program, options: ConfigOptions, served: Reloadable): Promise<void> {
  const { app, config, purpose = 'serve', onReloaded } = served;
  const { cli } = program;
  const before = app.upstreams;
  try {
    const next = await program.config(options, purpose);
    await app.reload(next);
    tellOfSandbox(cli, app, before);
    onReloaded?.();
    const others = changedBesides(config, next);
    if (others.length > 0) warner(cli)(`changed, and not in effect before a restart: ${others.join(', ')}.`);
    app.log.info('the tools were reloaded', { tools: app.catalog.tools.length });
  } catch (error) {
    cli.tell(`${sentence(errorLine(error))} The tools stay as they were.`);
  }
}

/** Options that a reload applies, or that no user sets. */
const notCompared = new Set([
  'toolsDirs',
  'bundledTools',
  'tools',
  'openapi',
  'mcpServers',
  'wrap',
  'storeIsDefault',
  'storeIsChosen',
]);

/** Returns the options in which two configurations differ and which a reload does not apply. */
function changedBesides(one: Config, other: Config): string[] {
  const values = Object.entries(other) as [keyof Config, unknown][];
  const changed = values.filter(([name, value]) => JSON.stringify(one[name]) !== JSON.stringify(value));
  // The file spells durations without a unit.
  return changed.map(([name]) => name.replace(/Ms$/, '')).filter((name) => !notCompared.has(name));
}
