import { type Command, Help, InvalidArgumentError, Option } from 'commander';
import { logFormats, logLevels } from '../config/defaults.ts';

/** Adds the options of every command that reads the configuration. */
export function withConfig(command: Command): Command {
  return command
    .option('--config <file>', 'configuration file (or MCP_ONCE_CONFIG)')
    .option('--store <url>', 'where operations are kept: sqlite:PATH, redis://..., memory: (or MCP_ONCE_STORE)');
}

/** Adds the option for folders with tools. */
export function withTools(command: Command): Command {
  return command.option('--tools <folder>', 'folder with tools of your own; may be given several times', collect, []);
}

/** Adds the options for the log. */
export function withLog(command: Command): Command {
  return command
    .addOption(new Option('--log-level <level>', 'what is logged to stderr').choices(logLevels))
    .addOption(
      new Option('--log-format <format>', 'lines for people, or JSON; auto: for people in a terminal').choices(
        logFormats,
      ),
    );
}

const examples = new WeakMap<Command, readonly string[]>();

/** Shows command lines after the help of a command. */
export function withExamples(command: Command, ...lines: readonly string[]): Command {
  examples.set(command, lines);
  return command.addHelpText('after', ['', 'Examples:', ...lines.map((line) => `  ${line}`)].join('\n'));
}

/**
 * Returns the command lines of `withExamples`.
 * @public for the reference of commands in docs/reference
 */
export function commandExamples(command: Command): readonly string[] {
  return examples.get(command) ?? [];
}

/** Describes an option in the help. An option that collects values has no default. */
export function describedOption(option: Option): string {
  return Array.isArray(option.defaultValue) ? option.description : new Help().optionDescription(option);
}

/** Collects the values of an option that may be given several times. */
export function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

/** Makes a parser for whole numbers within bounds. */
export function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}
