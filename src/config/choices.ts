import { McpOnceError } from '../core/errors.ts';
import { problemsOf } from './file.ts';
import { type FileSettings, fileSchema } from './schema.ts';

/** A value from outside the file, and the variable or option that it came from. */
export interface Choice {
  readonly from: string;
  readonly value: string;
}

type ChoiceKey = 'store' | 'tenant' | 'subject' | 'logLevel' | 'logFormat';
export type Choices = Readonly<Partial<Pick<FileSettings, ChoiceKey>>>;

/** Checks the values of environment and command line. @throws McpOnceError `configuration_invalid` */
export function checkChoices(choices: Readonly<Partial<Record<ChoiceKey, Choice>>>): Choices {
  const checked: Partial<Record<ChoiceKey, unknown>> = {};
  for (const key of Object.keys(choices) as ChoiceKey[]) {
    const choice = choices[key];
    if (!choice) continue;
    const parsed = fileSchema.shape[key].safeParse(choice.value);
    if (!parsed.success) {
      const problems = problemsOf(parsed.error).join('; ');
      throw new McpOnceError('configuration_invalid', `Configuration: ${choice.from}: ${problems}.`);
    }
    checked[key] = parsed.data;
  }
  return checked as Choices;
}
