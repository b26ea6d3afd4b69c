import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { paymentOf, unique, useStage } from '../e2e/support/stage.ts';
import { isSoak } from '../support/soak.ts';

const stage = useStage();

/** Fewer where the machine does not let one process have as many. */
const wanted = Math.min(isSoak ? 10_000 : 1_000, openFilesMax() - 1_000);
/** Fewer than the system queues for a server that is busy. */
const atOnce = 400;

test(`the server serves clients of both revisions while ${wanted} connections are idle, and keeps every idle connection`, async () => {
  const server = await stage.http();
  const idle: Socket[] = [];
  onTestFinished(() => {
    for (const socket of idle) socket.destroy();
  });
  while (idle.length < wanted) {
    idle.push(
      ...(await Promise.all(Array.from({ length: Math.min(atOnce, wanted - idle.length) }, () => kept(server)))),
    );
  }
  const description = unique('beside idle connections');
  const args = paymentOf(description);
  const told: string[] = [];
  for (const era of ['2025', '2026'] as const) {
    const client = await server.client(era);
    told.push((await client.call('create_payment', args)).words);
  }
  expect(told).toEqual(['executed', 'replayed']);
  expect(await stage.sandbox.described('payment_intents', description)).toHaveLength(1);
  expect(idle.filter((socket) => socket.destroyed || socket.readableEnded)).toHaveLength(0);
  // Each of them still is one: it is answered again.
  for (const socket of [idle[0], idle.at(-1)]) if (socket) await probe(socket);
});

/** A connection that was answered once, and stays open. */
async function kept({ url }: { readonly url: string }): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  await once(socket, 'connect');
  await probe(socket);
  return socket;
}

async function probe(socket: Socket): Promise<void> {
  socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /);
}

function openFilesMax(): number {
  const said = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim();
  return said === 'unlimited' ? Number.POSITIVE_INFINITY : Number(said);
}
