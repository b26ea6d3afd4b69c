import type { Command } from 'commander';
import { type CompletedCommand, type CompletedOption, completedCommands } from './commands.ts';
import type { CompletedShell } from './shells.ts';

/**
 * Renders the completion of a command line as a script of a shell. The script contains all names: it neither starts the
 * program again nor evaluates the words of the line.
 */
export function completionScript(program: Command, shell: CompletedShell): string {
  const commands = completedCommands(program);
  switch (shell) {
    case 'bash':
      return bashScript(commands);
    case 'zsh':
      return zshScript(commands);
    case 'fish':
      return fishScript(commands);
  }
}

const lines = (texts: readonly string[]): string => texts.join('\n');

/** Quotes a text for a POSIX shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

const pathsOf = (commands: readonly CompletedCommand[]): string[] =>
  commands.map(({ path }) => path).filter((path) => path !== '');

const flagsOf = (options: readonly CompletedOption[]): string[] => options.flatMap(({ flags }) => flags);

// bash

function bashScript(commands: readonly CompletedCommand[]): string {
  const paths = pathsOf(commands).map(quoted).join(' | ');
  const values = commands.flatMap(({ path, options }) => options.flatMap((option) => bashValue(path, option)));
  const words = commands.map(({ path, subcommands, options, words: first }) => {
    const names = [...subcommands.map(({ name }) => name), ...first, ...flagsOf(options)].join(' ');
    return `    ${quoted(path)}) words=${quoted(names)} ;;`;
  });
  return `# bash completion of mcp-once: source <(mcp-once completion bash)
_mcp_once() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} path='' words='' i
  COMPREPLY=()
  # bash makes words of their own of the "=" in --option=value.
  if [[ $cur == '=' ]]; then
    cur=''
  elif [[ $prev == '=' ]] && ((COMP_CWORD > 1)); then
    prev=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${path:+$path }\${COMP_WORDS[i]}" in
    ${paths}) path="\${path:+$path }\${COMP_WORDS[i]}" ;;
    *) break ;;
    esac
  done
  for (( ; i < COMP_CWORD; i++)); do
    if [[ \${COMP_WORDS[i]} == '--' ]]; then
      _mcp_once_paths -f "$cur"
      return
    fi
  done
  case "$path $prev" in
${lines(values)}
  esac
  case "$path" in
${lines(words)}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}

# Completes files (-f) or folders (-d), whose names may contain spaces.
_mcp_once_paths() {
  local IFS=$'\\n'
  compopt -o filenames 2> /dev/null
  COMPREPLY=($(compgen "$1" -- "$2"))
}

complete -F _mcp_once mcp-once`;
}

function bashValue(path: string, { flags, value }: CompletedOption): string[] {
  if (value === undefined) return [];
  const places = flags.map((flag) => quoted(`${path} ${flag}`)).join(' | ');
  return [`  ${places}) ${bashAction(value)} ;;`];
}

function bashAction(value: NonNullable<CompletedOption['value']>): string {
  if (value === 'none') return 'return';
  if (value === 'file' || value === 'folder') {
    return `_mcp_once_paths ${value === 'file' ? '-f' : '-d'} "$cur"; return`;
  }
  return `COMPREPLY=($(compgen -W ${quoted(value.words.join(' '))} -- "$cur")); return`;
}

// zsh

function zshScript(commands: readonly CompletedCommand[]): string {
  const paths = pathsOf(commands).map(quoted).join(' | ');
  return `#compdef mcp-once
# zsh completion of mcp-once: source <(mcp-once completion zsh), after compinit
_mcp_once() {
  local path_of=''
  local -a subcommands
  integer at=2
  while ((at < CURRENT)); do
    case "\${path_of:+$path_of }\${words[at]}" in
    ${paths}) path_of="\${path_of:+$path_of }\${words[at]}" ;;
    *) break ;;
    esac
    ((at++))
  done
  # _arguments sees the last word of the command as the name of the program.
  words=("\${(@)words[at-1,-1]}")
  ((CURRENT -= at - 2))
  case "$path_of" in
${lines(commands.map(zshCommand))}
  esac
}

if [[ $funcstack[1] == _mcp_once ]]; then
  _mcp_once "$@"
else
  compdef _mcp_once mcp-once
fi`;
}

function zshCommand({ path, subcommands, options, words, takesCommand }: CompletedCommand): string {
  const specs = options.flatMap(zshOption);
  if (subcommands.length > 0) specs.push(quoted('1:command:{_describe command subcommands}'));
  if (words.length > 0) specs.push(quoted(`1:word:(${words.join(' ')})`));
  if (takesCommand) specs.push(quoted('*::command line:_normal'));
  const described = subcommands.map(({ name, description }) =>
    quoted(`${name}:${description.replaceAll(/[:\\]/g, '\\$&')}`),
  );
  return lines([
    `  ${quoted(path)})`,
    ...(described.length > 0 ? [`    subcommands=(${described.join(' ')})`] : []),
    `    _arguments -S ${specs.join(' ')} ;;`,
  ]);
}

function zshOption({ flags, description, value, isRepeatable }: CompletedOption): string[] {
  const text = description.replaceAll(/[[\]:\\]/g, '\\$&');
  const others = isRepeatable || flags.length === 1 ? '' : `(${flags.join(' ')})`;
  return flags.map((flag) => {
    const name = `${others}${isRepeatable ? '*' : ''}${flag}${value !== undefined && flag.startsWith('--') ? '=' : ''}`;
    return quoted(`${name}[${text}]${value === undefined ? '' : `:value:${zshAction(value)}`}`);
  });
}

function zshAction(value: NonNullable<CompletedOption['value']>): string {
  if (value === 'none') return ' ';
  if (value === 'file') return '_files';
  return value === 'folder' ? '_files -/' : `(${value.words.join(' ')})`;
}

// fish

/** Quotes a text for fish, which knows two escapes in single quotes. */
const fishQuoted = (text: string): string => `'${text.replaceAll(/[\\']/g, '\\$&')}'`;

function fishScript(commands: readonly CompletedCommand[]): string {
  const paths = pathsOf(commands).map(fishQuoted).join(' ');
  return `# fish completion of mcp-once: mcp-once completion fish | source
function __mcp_once_path
    set -l path ''
    for word in (commandline -opc)[2..-1]
        set -l longer (string trim -- "$path $word")
        if not contains -- $longer ${paths}
            break
        end
        set path $longer
    end
    echo $path
end

function __mcp_once_at
    test "$(__mcp_once_path)" = "$argv[1]"
end

complete -c mcp-once -f
${lines(commands.flatMap(fishCommand))}`;
}

function fishCommand({ path, subcommands, options, words, takesCommand }: CompletedCommand): string[] {
  const at = `complete -c mcp-once -n ${fishQuoted(`__mcp_once_at ${fishQuoted(path)}`)}`;
  return [
    ...subcommands.map(({ name, description }) => `${at} -a ${fishQuoted(name)} -d ${fishQuoted(description)}`),
    ...(words.length > 0 ? [`${at} -a ${fishQuoted(words.join(' '))}`] : []),
    ...(takesCommand ? [`${at} -F`] : []),
    ...options.map((option) => `${at} ${fishOption(option)}`),
  ];
}

function fishOption({ flags, description, value }: CompletedOption): string {
  const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  return [...names, `-d ${fishQuoted(description)}`, ...(value === undefined ? [] : [fishValue(value)])].join(' ');
}

function fishValue(value: NonNullable<CompletedOption['value']>): string {
  if (value === 'none') return '-x';
  if (value === 'file') return '-rF';
  return value === 'folder'
    ? `-xa ${fishQuoted('(__fish_complete_directories)')}`
    : `-xa ${fishQuoted(value.words.join(' '))}`;
}
