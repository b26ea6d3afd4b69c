import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { parseJson, writeJson } from '../../../src/core/exact-json.ts';
import { OrdersApi, serve } from './harness.ts';

const id = '1234567890123456789';

test('a long id goes to the path, the query and the body with its digits, and comes back with them', async () => {
  const requests: string[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    requests.push(`${request.method} ${request.url} ${body}`);
    response.writeHead(201, { 'content-type': 'application/json' });
    response.end(`{"id":${id},"replies":[9007199254740993]}`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const api = new OrdersApi();
  api.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const int64 = { type: 'integer', format: 'int64' };
  const parameters = [
    { name: 'chat', in: 'path', required: true, schema: int64 },
    { name: 'thread', in: 'query', schema: int64 },
  ];
  const message = { type: 'object', properties: { reply_to: int64, mentions: { type: 'array', items: int64 } } };
  const requestBody = { required: true, content: { 'application/json': { schema: message } } };
  const operation = { operationId: 'sendMessage', parameters, requestBody };
  const { call } = await serve(api, {}, { 'post /chats/{chat}/messages': operation });
  const args = (last: string) =>
    parseJson(`{"chat":${id},"thread":-9007199254740993,"reply_to":${id.slice(0, -1)}${last},"mentions":[1,${id}]}`);

  const first = await call('send_message', args('8') as Record<string, unknown>);
  expect(requests).toEqual([
    `POST /chats/${id}/messages?thread=-9007199254740993 {"reply_to":1234567890123456788,"mentions":[1,${id}]}`,
  ]);
  expect(writeJson(first)).toContain(`"structuredContent":{"id":${id},"replies":[9007199254740993]}`);

  expect(await call('send_message', args('8') as Record<string, unknown>)).toMatchObject({ replayed: true });
  expect(await call('send_message', args('7') as Record<string, unknown>)).toMatchObject({ replayed: false });
  expect(requests).toHaveLength(2);
});
