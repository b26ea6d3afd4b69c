import type { z } from 'zod';

/** The schema of a section, loaded only where a file or the command line sets something in it. */
export interface SectionSchema<Settings> {
  readonly schema: z.ZodType<Settings>;
  /** Returns the option names that are known at a place within the section, for suggestions. */
  keysAt(place: readonly PropertyKey[]): readonly string[];
}

/** What a feature says about its part of the configuration file. */
export interface SectionDefinition<Settings> {
  /** The name of the section in the file. */
  readonly key: string;
  /** For the JSON Schema of the file. */
  readonly description: string;
  /** The settings where nothing is configured. Apart from the schema, so that a server without a file starts without it. */
  readonly defaults: Settings;
  loadSchema(): Promise<SectionSchema<Settings>>;
  /** Makes relative paths absolute. Default: the settings hold no paths. */
  resolve?(settings: Settings, folder: string): Settings;
  /** Returns the settings as they may be printed, without secrets. Default: as they are. */
  shown?(settings: Settings): unknown;
}

/** A part of the configuration file that one feature owns. */
export interface Section<Settings = unknown> extends SectionDefinition<Settings> {
  /** Returns this section's settings of a configuration that was loaded with the section. */
  of(config: object): Settings;
}

/**
 * Makes a section, whose settings the configuration holds under the section's key.
 *
 * @example
 * const { listen } = httpSection.of(config);
 */
export function defineSection<Settings>(definition: SectionDefinition<Settings>): Section<Settings> {
  const { key, defaults } = definition;
  return Object.freeze({
    ...definition,
    of: (config: object): Settings => (config as Readonly<Record<string, Settings>>)[key] ?? defaults,
  });
}
