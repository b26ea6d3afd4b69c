import { refuse } from '../../../command/cli.ts';
import { applyEdits, type TextEdit } from './edit.ts';
import type { SettingsFormat, SettingsNode } from './node.ts';
import { TextError } from './text-error.ts';

/** A settings file that was read. */
export interface SettingsText {
  readonly kind: 'JSON' | 'TOML' | 'YAML';
  readonly source: string;
  readonly format: SettingsFormat;
  readonly root: SettingsNode;
  /** Applies edits and returns the bytes of the file. */
  edited(edits: readonly TextEdit[]): Buffer;
}

const byteOrderMark = '\uFEFF';

/**
 * Reads a client's file: TOML or YAML by the end of its name, JSON with comments otherwise.
 *
 * @throws McpOnceError `invalid_input` that names file and line, and never quotes the text: it may hold a secret.
 */
export async function readSettingsText(path: string, bytes: Buffer): Promise<SettingsText> {
  const decoded = bytes.toString('utf8');
  // Only UTF-8 can be restored byte for byte.
  if (!Buffer.from(decoded).equals(bytes)) refuse(`${path}: the file is not UTF-8. Nothing was changed.`);
  const mark = decoded.startsWith(byteOrderMark) ? byteOrderMark : '';
  const source = decoded.slice(mark.length);
  const { kind, format, read } = await formatOf(path);
  const edited = (edits: readonly TextEdit[]): Buffer => Buffer.from(mark + applyEdits(source, edits));
  try {
    return { kind, source, format, root: read(source), edited };
  } catch (error) {
    const where = error instanceof TextError ? ` at ${error.message}` : '';
    return refuse(`${path}: invalid ${kind}${where}. Nothing was changed. Correct the file and try again.`);
  }
}

type Reader = Pick<SettingsText, 'kind' | 'format'> & { read(source: string): SettingsNode };

/** Loads the parser of one format only. */
async function formatOf(path: string): Promise<Reader> {
  if (/\.toml$/i.test(path)) {
    const { readToml, tomlFormat } = await import('./toml.ts');
    return { kind: 'TOML', format: tomlFormat, read: readToml };
  }
  if (/\.ya?ml$/i.test(path)) {
    const { readYaml, yamlFormat } = await import('./yaml.ts');
    return { kind: 'YAML', format: yamlFormat, read: readYaml };
  }
  const { jsonFormat, readJsonc } = await import('./jsonc.ts');
  return { kind: 'JSON', format: jsonFormat, read: readJsonc };
}
