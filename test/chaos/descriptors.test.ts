import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/event.ts';
import { shippedProgram } from '../support/program.ts';
import { makeTemporaryFolder } from '../support/temporary.ts';
import { ServerProcess } from './server.ts';
import { EffectUpstream } from './upstream.ts';

const folder = makeTemporaryFolder();
let upstream: EffectUpstream;
const servers: ServerProcess[] = [];

beforeAll(async () => {
  upstream = await EffectUpstream.start();
});
afterAll(async () => {
  await Promise.all(servers.map((server) => server.end()));
  await upstream.close();
  folder.remove();
});

/** Leaves a process some file descriptors more than it has. */
function leave({ pid }: ServerProcess, count: number): void {
  const open = readdirSync(`/proc/${pid}/fd`).length;
  const limit = count === Infinity ? '1024' : String(open + count);
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${limit}:`], { stdio: 'ignore' });
}

const noLinux = process.platform !== 'linux';

// One descriptor is the connection of the caller.
test.skipIf(noLinux).each([1, 2, 3])(
  'a server that had %i descriptors at its first call serves as soon as it has more, and shows no path',
  async (count) => {
    const name = `descriptors-${count}`;
    const store = `sqlite:${folder.path}/${name}.sqlite`;
    const settings = { program: shippedProgram, folder: folder.path, name, store, upstream: upstream.url };
    const server = await ServerProcess.start(settings);
    servers.push(server);
    leave(server, count);
    for (let tries = 0; tries < 3; tries += 1) {
      const answer = await server.call('order_once', { item: `${name} ${tries}` }).then(
        ({ text }) => text,
        (error: Error) => error.message,
      );
      expect(answer).not.toMatch(/\/(?:tmp|home|work|usr|dist|src)\//);
    }
    leave(server, Infinity);
    const item = `${name} after`;
    await eventually(async () => expect((await server.call('order_once', { item })).outcome.code).toBe('succeeded'));
    expect(upstream.effectsOf(item)).toHaveLength(1);
    expect(await server.probe('/readyz')).toBe(200);
  },
);
