import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';

interface Message {
  readonly subject: string;
  readonly id: string;
}

/** A real SMTP server. A message takes effect when the server has received all of it. */
export class MailServer {
  readonly url: string;
  readonly #server: SMTPServer;
  readonly #messages: readonly Message[];
  readonly #toHold: Set<string>;
  readonly #held: Map<string, () => void>;

  private constructor(
    server: SMTPServer,
    messages: readonly Message[],
    toHold: Set<string>,
    held: Map<string, () => void>,
  ) {
    this.#server = server;
    this.#messages = messages;
    this.#toHold = toHold;
    this.#held = held;
    this.url = `smtp://127.0.0.1:${(server.server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<MailServer> {
    const messages: Message[] = [];
    const toHold = new Set<string>();
    const held = new Map<string, () => void>();
    const server = new SMTPServer({
      disabledCommands: ['STARTTLS', 'AUTH'],
      logger: false,
      closeTimeout: 10,
      onData(stream, _session, callback) {
        text(stream).then(
          (message) => {
            const subject = header(message, 'Subject');
            messages.push({ subject, id: header(message, 'Message-ID') });
            if (toHold.delete(subject)) held.set(subject, () => callback());
            else callback();
          },
          // A client that is killed in the middle has sent no message.
          callback,
        );
      },
    });
    // A client that is killed resets its connection.
    server.on('error', () => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new MailServer(server, messages, toHold, held);
  }

  /** Returns the Message-IDs of accepted messages with a subject. */
  received(subject: string): string[] {
    return this.#messages.filter((each) => each.subject === subject).map(({ id }) => id);
  }

  /** Accepts the next message with this subject, but withholds the reply until it is released. */
  hold(subject: string): void {
    this.#toHold.add(subject);
  }

  release(subject: string): void {
    this.#held.get(subject)?.();
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

function header(message: string, name: string): string {
  return new RegExp(`^${name}: (.*)$`, 'im').exec(message)?.[1]?.trim() ?? '';
}
