import type { Argument, Command, Option } from 'commander';

/** What completes a value: one of these words, a path, or nothing. */
type CompletedValue = { readonly words: readonly string[] } | 'file' | 'folder' | 'none';

export interface CompletedOption {
  /** `--name`, and perhaps `-n`. */
  readonly flags: readonly string[];
  readonly description: string;
  /** Undefined for an option without a value. */
  readonly value: CompletedValue | undefined;
  readonly isRepeatable: boolean;
}

/** A command with the options and words that may follow it. */
export interface CompletedCommand {
  /** The words that name it, without the program: `ledger list`. Empty for the program itself. */
  readonly path: string;
  readonly subcommands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly CompletedOption[];
  /** The words that its first argument may be. */
  readonly words: readonly string[];
  /** Whether a command line of another program may follow. */
  readonly takesCommand: boolean;
}

/** Lists the program and all of its visible commands. */
export function completedCommands(program: Command): CompletedCommand[] {
  const commands = commandsFrom(program, '');
  const serve = commands.find(({ path }) => path === 'serve');
  // Without a command, the options are those of `serve`.
  return commands.map((each) => (each.path === '' && serve ? { ...each, options: merged(each, serve) } : each));
}

function merged(first: CompletedCommand, second: CompletedCommand): CompletedOption[] {
  const known = new Set(first.options.flatMap(({ flags }) => flags));
  return [...first.options, ...second.options.filter(({ flags }) => !flags.some((flag) => known.has(flag)))];
}

function commandsFrom(command: Command, path: string): CompletedCommand[] {
  const help = command.createHelp();
  const visible = help.visibleCommands(command);
  const own: CompletedCommand = {
    path,
    subcommands: visible.map((each) => ({ name: each.name(), description: each.description() })),
    options: help.visibleOptions(command).map(optionOf),
    words: command.registeredArguments[0]?.argChoices ?? [],
    takesCommand: command.registeredArguments.some(({ variadic }) => variadic),
  };
  // The help takes the name of a command, which needs no completion.
  const named = visible.filter((each) => command.commands.includes(each));
  return [own, ...named.flatMap((each) => commandsFrom(each, path === '' ? each.name() : `${path} ${each.name()}`))];
}

function optionOf(option: Option): CompletedOption {
  const takesValue = option.required || option.optional;
  return {
    flags: [option.long, option.short].filter((flag) => flag !== undefined),
    description: option.description,
    value: takesValue ? completedValue(option) : undefined,
    isRepeatable: Array.isArray(option.defaultValue),
  };
}

function completedValue({
  argChoices,
  flags,
}: Pick<Option & Argument, 'argChoices'> & { flags: string }): CompletedValue {
  if (argChoices) return { words: argChoices };
  if (/[<[]file\b/.test(flags)) return 'file';
  return /[<[]folder\b/.test(flags) ? 'folder' : 'none';
}
