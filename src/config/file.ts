import type { z } from 'zod';
import { McpOnceError } from '../core/errors.ts';
import { readText } from '../core/read-text.ts';
import { isMissingValue, issueText } from '../core/schema/issue-text.ts';
import { sentence, suggestion } from '../core/suggest.ts';
import { type FileSettings, fileSchemaOf } from './schema.ts';
import type { Section } from './section.ts';

const fileBytesMax = 1024 * 1024;
const problemsMax = 10;
const namedMax = 20;

/** Names of options in earlier versions, and their present names. */
const renamedOptions: Readonly<Record<string, string>> = {
  leaseMs: 'lease',
  waitMs: 'wait',
  maxRunMs: 'maxRun',
  drainMs: 'drain',
  timeoutMs: 'timeout',
  match:
    'class: write create for identical, state for latest and same-call, repeatable for a tool that appends, increments or clicks, off for off',
};

/**
 * Reads and checks a configuration file.
 * @throws McpOnceError `configuration_invalid` that names the file, the options and their problems.
 */
export async function readSettings(file: string, sections: readonly Section[]): Promise<FileSettings> {
  const read = await readText(file, fileBytesMax);
  if (!read.ok) throw invalid(file, read.why, read.cause);
  const { schema, keysAt } = await fileSchemaOf(sections);
  const parsed = schema.safeParse(parseJson(file, read.text));
  if (!parsed.success) throw invalid(file, problemsOf(parsed.error, keysAt).join('; '));
  const { lease, wait } = parsed.data;
  if (lease >= wait) throw invalid(file, 'lease must be shorter than wait, or no caller can wait until it lapses');
  return parsed.data;
}

/** Describes each problem: the option, the reason, and the probable name. Never a value. */
export function problemsOf(
  error: z.ZodError,
  keysAt: (place: readonly PropertyKey[]) => readonly string[] = () => [],
): string[] {
  const problems = error.issues.flatMap((issue) => {
    if (isMissingValue(issue)) return [`${placeOf(issue.path)}it is missing`];
    if (issue.code !== 'unrecognized_keys') return [`${placeOf(issue.path)}${issueText(issue)}`];
    return issue.keys.map((key) => {
      const place = placeOf([...issue.path, key]).slice(0, -2);
      const renamed = renamedOptions[key];
      if (renamed !== undefined) return `${place} is now called ${renamed}`;
      return `${place} is not known${suggestion(key, keysAt(issue.path)) || listOf(keysAt(issue.path))}`;
    });
  });
  return problems.slice(0, problemsMax);
}

/** Lists the options of a place where no name is close to the given one. */
function listOf(known: readonly string[]): string {
  return known.length === 0 || known.length > namedMax ? '' : ` (known here: ${known.join(', ')})`;
}

function placeOf(path: readonly PropertyKey[]): string {
  const parts = path.map((part, index) => {
    if (typeof part === 'number') return `[${part}]`;
    const text = String(part).slice(0, 100);
    if (!/^[\w$]+$/.test(text)) return `[${JSON.stringify(text)}]`;
    return index === 0 ? text : `.${text}`;
  });
  return path.length === 0 ? '' : `${parts.join('')}: `;
}

/** Reports only the position of a syntax error: the parser's message may quote the file, which may hold a password. */
function parseJson(file: string, text: string): unknown {
  try {
    // A byte order mark is what some editors on Windows write.
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    const position = /at position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1];
    const before = position === undefined ? undefined : text.slice(0, Number(position)).split('\n');
    const where = before === undefined ? '' : ` (line ${before.length}, column ${(before.at(-1) ?? '').length + 1})`;
    throw invalid(file, `it is not valid JSON${where}`);
  }
}

function invalid(file: string, problem: string, cause?: unknown): McpOnceError {
  return new McpOnceError('configuration_invalid', `Configuration file ${file}: ${sentence(problem)}`, { cause });
}
