import type { App } from '../app.ts';
import type { Config } from '../config/config.ts';
import type { Log } from '../core/observe/log.ts';
import { sentence } from '../core/suggest.ts';
import { type Cli, type ConfigOptions, configOf, errorLine, warner } from './cli.ts';
import { tellOfSandbox } from './sandbox.ts';

/** One after another: those who ask while one is under way are served together by the next. */
export class Reloads {
  #reload: (() => Promise<void>) | undefined;
  #isAsked = false;
  #isRunning = false;

  readonly ask = (): void => {
    this.#isAsked = true;
    void this.#run();
  };

  /** Serves who asks from now on, and who has asked already. @param reload never rejects */
  begin(reload: () => Promise<void>): void {
    this.#reload = reload;
    void this.#run();
  }

  async #run(): Promise<void> {
    if (!this.#reload || this.#isRunning) return;
    this.#isRunning = true;
    while (this.#isAsked) {
      this.#isAsked = false;
      await this.#reload();
    }
    this.#isRunning = false;
  }
}

interface Serving {
  readonly app: App;
  /** What it was started with. */
  readonly config: Config;
  readonly log: Log;
  /** What the configuration is read for. */
  readonly purpose?: 'serve' | 'http';
  /** Called when others have come in place of the tools. */
  readonly onRead?: () => void;
}

/** Takes from the configuration, as it is now, what decides the tools. Never rejects: what is wrong is told. */
export async function readToolsAgain(cli: Cli, options: ConfigOptions, serving: Serving): Promise<void> {
  const { app, config, log, purpose = 'serve', onRead } = serving;
  const before = app.upstreams;
  try {
    const next = await configOf(cli, options, purpose);
    await app.reload(next);
    tellOfSandbox(cli, app, before);
    onRead?.();
    const others = changedBesides(config, next);
    if (others.length > 0) warner(cli)(`changed, and not in effect before a restart: ${others.join(', ')}.`);
    log.info('the tools were read again', { tools: app.catalog.tools.length });
  } catch (error) {
    cli.tell(`${sentence(errorLine(error))} The tools stay as they were.`);
  }
}

/** What decides the tools; and what is no option of a server's own. */
const notCompared = new Set(['toolsDirs', 'bundledTools', 'tools', 'openapi', 'mcpServers', 'wrap', 'storeIsDefault']);

/** The names of the options in which two configurations differ, but for those that decide the tools. */
function changedBesides(one: Config, other: Config): string[] {
  const values = Object.entries(other) as [keyof Config, unknown][];
  const changed = values.filter(([name, value]) => JSON.stringify(one[name]) !== JSON.stringify(value));
  // As the file calls them.
  return changed.map(([name]) => name.replace(/RetentionMs$/, 'Retention')).filter((name) => !notCompared.has(name));
}
