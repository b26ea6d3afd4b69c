import type { Classification } from 'mcp-once';

/** How far a message had been sent when sending failed. */
export type MailStage =
  /** Connecting, logging in, sender, recipients: no byte of the message was sent. */
  | 'before_message'
  /** A part or all of the message had been sent. */
  | 'message';

/** Sending failed, before the message or with an unknown outcome. */
export class MailError extends Error {
  readonly stage: MailStage;
  /** The server's reply code, where the failure is a reply; 0 otherwise. */
  readonly replyCode: number;

  constructor(stage: MailStage, replyCode: number, cause: Error) {
    super(cause.message, { cause });
    this.name = 'MailError';
    this.stage = stage;
    this.replyCode = replyCode;
  }
}

/** "Shutting down": may replace any reply, even just after the server accepted the message. */
const shuttingDown = 421;

/**
 * Classifies a mail error. A server accepts a message with a 2yz reply to its end, and must not deliver a message
 * whose end never came (RFC 5321, 4.1.1.4 and 4.2.5). Before the message, nothing took effect. A 4yz or 5yz reply
 * to its end refuses it. After any other failure (reset, time-out, shutdown) the server may have accepted it.
 */
export function classifyMailError(error: unknown): Classification | undefined {
  if (!(error instanceof MailError)) return undefined;
  const { stage, replyCode } = error;
  if (stage === 'before_message') return 'not_executed';
  return replyCode >= 400 && replyCode < 600 && replyCode !== shuttingDown ? 'failed' : 'unknown';
}
