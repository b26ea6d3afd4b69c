import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { afterEach, describe, expect, test } from 'vitest';
import { classifyMailError } from '../../tools/clients/smtp-errors.ts';
import { Mailer } from '../../tools/clients/smtp-mailer.ts';
import { sendEmail } from '../../tools/send-email.ts';
import { refusalOf, resultOf, testEngine } from '../support/engine.ts';

interface Received {
  readonly recipients: readonly string[];
  readonly message: string;
}

const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** Starts a mail server that accepts messages; a test may change its behaviour. */
async function mailServer(options: SMTPServerOptions = {}) {
  const received: Received[] = [];
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS', 'AUTH'],
    logger: false,
    onData(stream, session, callback) {
      void text(stream).then((message) => {
        received.push({ recipients: session.envelope.rcptTo.map(({ address }) => address), message });
        callback();
      });
    },
    ...options,
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => server.close());
  return { received, url: `smtp://127.0.0.1:${(server.server.address() as AddressInfo).port}` };
}

/** Starts a scripted server: one reply per command. It counts complete messages. */
async function scriptedServer(reply: (command: string, socket: Socket) => string | undefined) {
  const messages: string[] = [];
  const closed: Promise<unknown>[] = [];
  const server: Server = createServer((socket) => {
    let buffered = '';
    let inMessage = false;
    closed.push(new Promise((resolve) => socket.once('close', resolve)));
    socket.on('error', () => undefined);
    socket.write('220 ready\r\n');
    socket.on('data', (chunk) => {
      buffered += chunk.toString();
      for (;;) {
        const end = buffered.indexOf(inMessage ? '\r\n.\r\n' : '\r\n');
        if (end < 0) return;
        const command = inMessage ? 'END' : buffered.slice(0, end);
        if (inMessage) messages.push(buffered.slice(0, end));
        buffered = buffered.slice(end + (inMessage ? 5 : 2));
        const answer = reply(command, socket);
        inMessage = answer?.startsWith('354') === true;
        if (answer !== undefined) socket.write(`${answer}\r\n`);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  /** Resolves when every connection has ended, so that nothing more can arrive. */
  const quiet = () => Promise.all(closed);
  return { messages, quiet, url: `smtp://127.0.0.1:${port}` };
}

const usual = (command: string): string => (command === 'DATA' ? '354 go on' : '250 ok');

function engineFor(url: string) {
  return testEngine({ tools: [sendEmail], environment: { SMTP_URL: url } });
}

const mail = {
  from: 'billing@Example.com',
  to: ['ada@example.com', 'grace@example.com'],
  subject: 'Your invoice',
  text: 'Dear Ada,\n\nplease pay.',
};
const header = (message: string, name: string) => new RegExp(`^${name}: (.*)$`, 'mi').exec(message)?.[1]?.trim();

describe('send_email', () => {
  test('sends once, with a Message-ID made from the key, and gives a repeat the same result', async () => {
    const server = await mailServer();
    const { call } = engineFor(server.url);
    const first = resultOf(
      await call('send_email', { ...mail, cc: ['copy@example.com'], bcc: ['hidden@example.com'] }),
    );
    expect(first.result).toMatchObject({
      message_id: expect.stringMatching(/^<[0-9a-f-]{36}@example\.com>$/),
      accepted: [...mail.to, 'copy@example.com', 'hidden@example.com'],
      rejected: [],
    });
    const again = await call('send_email', { ...mail, cc: ['copy@example.com'], bcc: ['hidden@example.com'] });
    expect(resultOf(again)).toMatchObject({ replayed: true, result: first.result });
    expect(server.received).toHaveLength(1);
    const message = server.received[0]?.message ?? '';
    expect(header(message, 'Message-ID')).toBe((first.result as { message_id: string }).message_id);
    expect(message).not.toContain('hidden@example.com');
    expect(server.received[0]?.recipients).toContain('hidden@example.com');
  });

  test('sends one of 20 concurrent mails, also in another order or spelling, and another subject separately', async () => {
    const server = await mailServer();
    const { call } = engineFor(server.url);
    await Promise.all(Array.from({ length: 20 }, () => call('send_email', mail)));
    expect(server.received).toHaveLength(1);
    const spelt = { ...mail, to: ['Grace@example.com', 'ada@example.com'], subject: 'YOUR  invoice' };
    expect(refusalOf(await call('send_email', spelt)).code).toBe('idempotency_conflict');
    resultOf(await call('send_email', { ...mail, subject: 'Reminder' }));
    expect(server.received).toHaveLength(2);
  });

  test('answers another text with a conflict that names it, and sends it with the repeat token', async () => {
    const server = await mailServer();
    const { call } = engineFor(server.url);
    resultOf(await call('send_email', mail));
    const refused = refusalOf(await call('send_email', { ...mail, text: 'Dear Ada, pay up.' }));
    expect(refused).toMatchObject({ code: 'idempotency_conflict', fields: ['text'] });
    const meant = await call('send_email', { ...mail, text: 'Dear Ada, pay up.', repeat_token: refused.repeatToken });
    expect(resultOf(meant).replayed).toBe(false);
    const ids = server.received.map(({ message }) => header(message, 'Message-ID'));
    expect(new Set(ids).size).toBe(2);
  });

  test('sends to the accepted recipients and names the refused ones', async () => {
    const server = await mailServer({
      onRcptTo: ({ address }, _, callback) => callback(address.startsWith('ada') ? refusal(550, 'no such user') : null),
    });
    const { call } = engineFor(server.url);
    const { result } = resultOf(await call('send_email', mail));
    expect(result).toMatchObject({ accepted: ['grace@example.com'], rejected: ['ada@example.com'] });
  });
});

function refusal(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode });
}

describe('a call of send_email', () => {
  const cases: [string, SMTPServerOptions][] = [
    ['the sender', { onMailFrom: (_, __, callback) => callback(refusal(553, 'not yours')) }],
    ['all recipients', { onRcptTo: (_, __, callback) => callback(refusal(550, 'no such user')) }],
    ['the recipients for now', { onRcptTo: (_, __, callback) => callback(refusal(451, 'greylisted')) }],
    [
      'the message after its end',
      { onData: (stream, _, callback) => void text(stream).then(() => callback(refusal(554, 'spam'))) },
    ],
    [
      'the message for now',
      { onData: (stream, _, callback) => void text(stream).then(() => callback(refusal(452, 'full'))) },
    ],
  ];

  test.each(cases)('runs again after a refusal of %s', async (_, options) => {
    const server = await mailServer(options);
    const { call } = engineFor(server.url);
    const first = refusalOf(await call('send_email', mail));
    const second = refusalOf(await call('send_email', mail));
    expect([first.code, second.code]).toEqual(['operation_failed', 'operation_failed']);
    expect(second.operation?.attempt).toBe(2);
    expect(server.received).toHaveLength(0);
  });

  test('runs again after a wrong password, and after a password that would leave this machine in clear', async () => {
    const tried: unknown[] = [];
    const server = await mailServer({
      disabledCommands: ['STARTTLS'],
      allowInsecureAuth: true,
      onAuth: (auth, _, callback) => {
        tried.push(auth.username);
        callback(refusal(535, 'no'));
      },
    });
    const here = server.url.replace('smtp://', 'smtp://user:secret@');
    const refused = refusalOf(await engineFor(here).call('send_email', mail));
    expect(refused.code).toBe('operation_failed');
    expect(refused.message).not.toContain('secret');
    // Reaches the same server by an address that is not loopback.
    const elsewhere = here.replace('127.0.0.1', '0.0.0.0');
    expect(refusalOf(await engineFor(elsewhere).call('send_email', mail)).code).toBe('operation_failed');
    expect(tried).toEqual(['user']);
  });

  test('runs again after a refused connection', async () => {
    const { call } = engineFor('smtp://127.0.0.1:1');
    expect(refusalOf(await call('send_email', mail)).code).toBe('operation_failed');
  });

  test.each(['EHLO', 'MAIL', 'RCPT', 'DATA'])(
    'runs again after a connection lost at %s, with nothing sent',
    async (at) => {
      const server = await scriptedServer((command, socket) => {
        if (!command.startsWith(at)) return usual(command);
        socket.destroy();
        return undefined;
      });
      const { call } = engineFor(server.url);
      expect(refusalOf(await call('send_email', mail)).code).toBe('operation_failed');
      expect(server.messages).toHaveLength(0);
    },
  );
});

describe('a run that is cut off', () => {
  test('sends nothing before the message, and nothing later', async () => {
    let answerLater = () => {};
    const cutOff = new AbortController();
    const server = await scriptedServer((command, socket) => {
      if (command !== 'DATA') return usual(command);
      answerLater = () => void socket.write('354 go on\r\n');
      cutOff.abort();
      return undefined;
    });
    const mailer = await Mailer.open(server.url);
    const sending = mailer.send(mail, { from: mail.from, to: mail.to }, cutOff.signal);
    const error = await sending.catch((thrown: unknown) => thrown);
    expect(classifyMailError(error)).toBe('not_executed');
    answerLater();
    await server.quiet();
    expect(server.messages).toHaveLength(0);
  });
});

describe('a connection lost after the message', () => {
  test.each([
    ['at once', (socket: Socket) => void socket.destroy()],
    ['with a reset', (socket: Socket) => void socket.resetAndDestroy()],
    ['with a goodbye', (socket: Socket) => void socket.end('421 shutting down\r\n')],
    ['with a reply that is none', (socket: Socket) => void socket.end('hello\r\n')],
  ])('is unknown and never sent again: %s', async (_, lose) => {
    const server = await scriptedServer((command, socket) => {
      if (command !== 'END') return usual(command);
      lose(socket);
      return undefined;
    });
    const { call, records } = engineFor(server.url);
    const first = refusalOf(await call('send_email', mail));
    const second = refusalOf(await call('send_email', mail));
    const reworded = refusalOf(await call('send_email', { ...mail, text: 'Again' }));
    expect([first.code, second.code]).toEqual(['outcome_unknown', 'outcome_unknown']);
    expect(reworded.code).not.toBe('operation_failed');
    expect(server.messages).toHaveLength(1);
    expect((await records())[0]?.status.state).toBe('unknown');
  });
});

describe('send_email without SMTP_URL', () => {
  test('names the missing variable, and fails nothing else', async () => {
    const { call } = testEngine({ tools: [sendEmail] });
    const refused = refusalOf(await call('send_email', mail));
    expect(refused).toMatchObject({ code: 'operation_failed', message: expect.stringContaining('SMTP_URL') });
  });
});
