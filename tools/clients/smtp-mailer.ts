import { Readable } from 'node:stream';
import { NotExecuted } from 'mcp-once';
import type Mail from 'nodemailer/lib/mailer';
import type SMTPConnection from 'nodemailer/lib/smtp-connection';
import { MailError, type MailStage } from './smtp-errors.ts';

/** Idle time-outs in ms, below the 45 s for which identical calls wait. */
const timeouts = { connectionTimeout: 10_000, greetingTimeout: 10_000, dnsTimeout: 5_000, socketTimeout: 20_000 };

const loopback: ReadonlySet<string> = new Set(['127.0.0.1', '::1', '[::1]', 'localhost']);

/** A message that the server accepted, and its recipients. */
export interface Sent {
  readonly accepted: readonly string[];
  readonly rejected: readonly string[];
  /** The server's last reply. */
  readonly response: string;
}

interface Parts {
  readonly Connection: typeof SMTPConnection;
  readonly compose: (mail: Mail.Options) => Promise<Buffer>;
  readonly options: SMTPConnection.Options;
  readonly credentials: SMTPConnection.Credentials | undefined;
}

/**
 * Sends each message over its own connection and tracks how far it came.
 *
 * It does not use nodemailer's transport, whose errors (`ECONNECTION`, `ESOCKET`, `ETIMEDOUT`) are the same for a
 * connection that broke before the message and after it. The first is safe to send again, the second is unknown.
 */
export class Mailer {
  readonly #parts: Parts;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Loads nodemailer and reads the URL with its options (`?requireTLS=true`, `?tls.rejectUnauthorized=false`). */
  static async open(url: string): Promise<Mailer> {
    const [{ createTransport }, { default: Connection }, { default: MailComposer }] = await Promise.all([
      import('nodemailer'),
      import('nodemailer/lib/smtp-connection'),
      import('nodemailer/lib/mail-composer'),
    ]);
    const given = createTransport(url).options as SMTPConnection.Options & { auth?: SMTPConnection.Credentials };
    const { auth: credentials, ...options } = given;
    const isPlain = options.secure !== true && !loopback.has(options.host ?? '');
    // Send a password only over TLS, unless the URL allows otherwise.
    const requireTLS = options.requireTLS ?? (credentials !== undefined && isPlain && options.ignoreTLS !== true);
    return new Mailer({
      Connection,
      compose: (mail) => new MailComposer(mail).compile().build(),
      options: { ...options, ...timeouts, requireTLS, logger: false },
      credentials,
    });
  }

  /**
   * Sends a message. Aborting `signal` stops it before the message begins; once begun, it is finished.
   *
   * @throws MailError that knows how far the message came; NotExecuted when `signal` had aborted.
   */
  async send(mail: Mail.Options, envelope: SMTPConnection.Envelope, signal: AbortSignal): Promise<Sent> {
    const { Connection, compose, options, credentials } = this.#parts;
    const message = await compose(mail);
    if (signal.aborted) throw new NotExecuted('it was cut off before it was sent');
    const connection = new Connection(options);
    let stage: MailStage = 'before_message';
    // nodemailer reads the body only after the server's 354 reply.
    const body = new Readable({
      read() {
        stage = 'message';
        this.push(message);
        this.push(null);
      },
    });
    return new Promise<Sent>((resolve, reject) => {
      const fail = (error: Error): void => {
        connection.close();
        reject(new MailError(stage, replyToMessage(error), error));
      };
      const cutOff = (): void => {
        if (stage === 'before_message') fail(new Error('it was cut off before the message was sent'));
      };
      signal.addEventListener('abort', cutOff, { once: true });
      const deliver = (): void =>
        connection.send(envelope, body, (error, info) => {
          if (error) return fail(error);
          connection.quit();
          resolve({ accepted: info.accepted, rejected: info.rejected, response: info.response });
        });
      connection.on('error', fail);
      connection.connect((error) => {
        if (error) return fail(error);
        if (credentials === undefined) return deliver();
        connection.login({ credentials }, (refused) => (refused ? fail(refused) : deliver()));
      });
    });
  }
}

/** Returns the reply code to the end of the message, or 0 for another failure. */
function replyToMessage(error: Error): number {
  const { code, command, responseCode } = error as SMTPConnection.SMTPError;
  return code === 'EMESSAGE' && command === 'DATA' ? (responseCode ?? 0) : 0;
}
