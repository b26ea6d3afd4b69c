import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { runHere as run } from '../support/run-here.ts';
import { makeTemporaryFolder, temporaryFolder } from '../support/temporary.ts';

const shells = ['bash', 'zsh', 'fish'] as const;
const isInstalled = (name: string) => spawnSync(name, ['--version']).status === 0;
const installed = Object.fromEntries(shells.map((shell) => [shell, isInstalled(shell)]));
/** `script` of util-linux gives a shell a terminal. */
const hasScript = /util-linux/.test(spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout ?? '');

const temporary = makeTemporaryFolder();
const scriptFile = (shell: string) => join(temporary.path, `completion.${shell}`);

beforeAll(async () => {
  for (const shell of shells) {
    const { code, stdout, stderr } = await run(temporary.path, ['completion', shell]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    writeFileSync(scriptFile(shell), stdout);
  }
  return () => temporary.remove();
});

/** A folder with two files and a folder, which completes paths. */
function workFolder(): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'my tools'));
  writeFileSync(join(folder, 'my config.json'), '{}');
  return folder;
}

/** Returns what bash offers for the last word. */
function bashOffers(words: readonly string[], folder = temporary.path): string[] {
  const given = words.map((word) => `'${word}'`).join(' ');
  const script = `
    source ${scriptFile('bash')}
    COMP_WORDS=(mcp-once ${given}); COMP_CWORD=${words.length}
    _mcp_once
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr, status } = spawnSync('bash', ['--norc', '-c', script], { cwd: folder, encoding: 'utf8' });
  expect({ status, stderr: stderr.replaceAll(/.*compopt.*\n/g, '') }).toEqual({ status: 0, stderr: '' });
  return stdout.split('\n').filter((line) => line !== '');
}

/** Returns what fish offers for the last word of a line, without descriptions. */
function fishOffers(line: string, folder = temporary.path): string[] {
  const script = `source ${scriptFile('fish')}; complete -C ${JSON.stringify(line)}`;
  const env = { PATH: process.env.PATH ?? '', HOME: temporary.path, XDG_CONFIG_HOME: temporary.path };
  const { stdout, stderr } = spawnSync('fish', ['--no-config', '-c', script], { cwd: folder, encoding: 'utf8', env });
  expect(stderr).toBe('');
  return stdout
    .split('\n')
    .filter((text) => text !== '')
    .map((text) => text.split('\t')[0] ?? '');
}

/**
 * Types a line and a tab into a shell that runs in a terminal, and resolves with what the terminal shows as soon as it
 * contains `wanted`.
 */
function typed(shell: string, args: string, setup: string, line: string, wanted: string): Promise<string> {
  const child = spawn('script', ['-qec', `${shell} ${args}`, '/dev/null'], {
    cwd: temporary.path,
    env: { PATH: process.env.PATH ?? '', HOME: temporary.path, TERM: 'xterm', PS1: 'READY> ' },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return new Promise((resolve, reject) => {
    let shown = '';
    let step = 0;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      shown += text;
      if (step === 0 && shown.includes('READY')) {
        step = 1;
        child.stdin.write(`${setup}; echo SET''UP\n`);
      } else if (step === 1 && shown.includes('SETUP')) {
        step = 2;
        shown = '';
        child.stdin.write(`${line}\t`);
      } else if (step === 2 && shown.includes(wanted)) resolve(shown);
    });
    child.on('close', () => reject(new Error(`the shell ended: ${shown}`)));
  });
}

test('every command and every visible option is in each script', async () => {
  const { stdout } = await run(temporary.path, ['ledger', 'list', '--help']);
  const options = [...stdout.matchAll(/--[a-z-]+/g)].map(([option]) => option);
  expect(options).toContain('--state');
  for (const option of options) expect(bashOffers(['ledger', 'list', '--'])).toContain(option);
});

test('a shell without a script is refused with the ones that have one', async () => {
  const refused = await run(temporary.path, ['completion', 'csh']);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('bash, zsh, fish') });
});

describe.runIf(installed.bash)('bash', () => {
  test.each([
    [[''], ['serve', 'wrap', 'ledger', 'completion', '--config', '--http', '--version']],
    [['led'], ['ledger']],
    [['ledger', 're'], ['resolve']],
    [['--log-f'], ['--log-format']],
    [
      ['serve', '--log-level', ''],
      ['silent', 'error', 'warn', 'info', 'debug'],
    ],
    [['serve', '--log-level', '=', 'deb'], ['debug']],
    [
      ['ledger', 'list', '--state', 'un'],
      ['unknown', 'unreadable'],
    ],
    [['wrap', '--client', 'cur'], ['cursor']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
  ])('completes %j', (words, wanted) => {
    expect(bashOffers(words)).toEqual(expect.arrayContaining(wanted));
  });

  test('completes paths with spaces, and only folders where a folder is wanted', () => {
    const folder = workFolder();
    expect(bashOffers(['serve', '--config', 'my'], folder).sort()).toEqual(['my config.json', 'my tools']);
    expect(bashOffers(['serve', '--tools', 'my'], folder)).toEqual(['my tools']);
    expect(bashOffers(['wrap', '--', 'my'], folder).sort()).toEqual(['my config.json', 'my tools']);
  });

  test('offers nothing for a value that it does not know, and no option of another command', () => {
    expect(bashOffers(['sandbox', '--port', ''])).toEqual([]);
    expect(bashOffers(['ledger', 'list', '--ht'])).toEqual([]);
  });

  test('runs nothing that is on the line', () => {
    const folder = temporaryFolder();
    bashOffers(['serve', '$(touch ran)', '`touch ran`', '--lo'], folder);
    expect(spawnSync('ls', [folder], { encoding: 'utf8' }).stdout).toBe('');
  });

  test.runIf(hasScript)('completes in a terminal', async () => {
    const setup = `source ${scriptFile('bash')}`;
    expect(await typed('bash', '--norc --noprofile -i', setup, 'mcp-once ledger res', 'resolve ')).toContain(
      'resolve ',
    );
  });
});

describe.runIf(installed.zsh && hasScript)('zsh', () => {
  test.each([
    ['mcp-once led', 'ledger '],
    ['mcp-once ledger res', 'resolve '],
    ['mcp-once --log-f', 'format'],
    ['mcp-once serve --log-level deb', 'debug '],
    ['mcp-once serve --log-level=deb', 'debug '],
    ['mcp-once completion fi', 'fish '],
    ['mcp-once ledger list --state succ', 'succeeded '],
  ])('completes "%s" in a terminal', async (line, wanted) => {
    const setup = `autoload -Uz compinit; compinit -u -d ${temporary.path}/dump; source ${scriptFile('zsh')}`;
    // zsh redraws what follows the cursor, so that only the completed part need be shown.
    const shown = await typed('zsh', '-f -i', setup, line, wanted.slice(line.split(/[ =]/).at(-1)?.length ?? 0).trim());
    expect(shown).not.toContain('error');
  });
});

describe.runIf(installed.fish)('fish', () => {
  test.each([
    ['mcp-once ', ['serve', 'wrap', 'ledger', 'completion']],
    ['mcp-once ledger re', ['resolve']],
    ['mcp-once --log-f', ['--log-format']],
    ['mcp-once serve --log-level ', ['silent', 'error', 'warn', 'info', 'debug']],
    ['mcp-once serve --log-level=deb', ['--log-level=debug']],
    ['mcp-once ledger list --state un', ['unknown', 'unreadable']],
    ['mcp-once wrap --client cur', ['cursor']],
    ['mcp-once completion ', ['bash', 'zsh', 'fish']],
  ])('completes "%s"', (line, wanted) => {
    expect(fishOffers(line)).toEqual(expect.arrayContaining(wanted));
  });

  test('completes paths, and only folders where a folder is wanted', () => {
    const folder = workFolder();
    expect(fishOffers('mcp-once serve --config my', folder).sort()).toEqual(['my config.json', 'my tools/']);
    expect(fishOffers('mcp-once serve --tools my', folder)).toEqual(['my tools/']);
    expect(fishOffers('mcp-once ledger list --ht')).toEqual([]);
  });
});

test.skipIf(installed.zsh && installed.fish)('zsh and fish are installed', ({ skip }) => {
  skip(`not installed here: ${shells.filter((shell) => !installed[shell]).join(', ')}`);
});
