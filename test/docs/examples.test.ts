import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { loadTools } from '../../src/core/tool/load.ts';
import { resultOf, testEngine } from '../support/engine.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { readPage } from './markdown.ts';

test("the guide's example tool loads unchanged and takes effect once", async () => {
  const [, code = ''] = /```js\n([\s\S]*?)```/.exec(readPage('docs/guides/write-a-tool.md')) ?? [];
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'create-ticket.mjs'), code);
  const keys: unknown[] = [];
  const tracker = createServer((request, response) => {
    keys.push(request.headers['idempotency-key']);
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ id: `T-${keys.length}` }));
  });
  await new Promise<void>((resolve) => tracker.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    tracker.closeAllConnections();
    tracker.close();
  });
  const tools = await loadTools([folder]);
  const url = `http://127.0.0.1:${(tracker.address() as AddressInfo).port}`;
  const { call } = testEngine({ tools, environment: { TRACKER_URL: url, TRACKER_TOKEN: 'secret' } });
  const first = resultOf(await call('create_ticket', { project: 'p', title: 't' }));
  const second = resultOf(await call('create_ticket', { title: 't', project: 'p' }));
  expect([first.result, second.result, second.replayed]).toEqual([{ id: 'T-1' }, { id: 'T-1' }, true]);
  expect(keys).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/)]);
});
