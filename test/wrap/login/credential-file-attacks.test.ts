import { chmodSync, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CredentialFile } from '../../../src/wrap/login/credential-file.ts';
import { urlServer } from '../../../src/wrap/relay/servers.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const modeOf = (path: string): number => lstatSync(path).mode & 0o777;

test.skipIf(process.platform === 'win32')(
  'a stored login that others may read is closed to them and reported',
  async () => {
    const logins = join(temporaryFolder(), 'logins');
    const url = 'https://mcp.example/mcp';
    await new CredentialFile(logins, new URL(url), 'default').write({ clients: [] });
    const file = join(logins, readdirSync(logins)[0] ?? '');
    chmodSync(logins, 0o755);
    chmodSync(file, 0o644);
    const messages: string[] = [];
    const open = () => urlServer({ url, headers: {}, logins, warn: (message) => messages.push(message) });
    await open();
    expect([modeOf(logins), modeOf(file)]).toEqual([0o700, 0o600]);
    expect(messages).toEqual([
      `mcp.example: other users could access ${logins} (mode 0755): its mode is now 0700`,
      `mcp.example: other users could access ${file} (mode 0644): its mode is now 0600`,
    ]);
    await open();
    expect(messages).toHaveLength(2);
  },
);
