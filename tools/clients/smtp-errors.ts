import type { Classification } from 'mcp-once';

/** How far the sending of a message had come when it failed. */
export type MailStage =
  /** Connecting, logging in, sender, recipients: no byte of the message was sent. */
  | 'before_message'
  /** The message was on its way, whole or in part. */
  | 'message';

/** A message was not sent, or it is not known whether it was. */
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

/** "Shutting down": may come in place of any reply, also when the message was taken over just before. */
const shuttingDown = 421;

/**
 * What an error says about a message. A server has taken a message over when it replies 2yz to its end, and
 * must not deliver one whose end never came (RFC 5321, 4.1.1.4 and 4.2.5). So before the message
 * nothing took effect; a reply 4yz or 5yz to its end refuses it; anything else on the way (a reset, a
 * time-out, a shutdown) may have come after the server took it.
 */
export function classifyMailError(error: unknown): Classification | undefined {
  if (!(error instanceof MailError)) return undefined;
  const { stage, replyCode } = error;
  if (stage === 'before_message') return 'not_executed';
  return replyCode >= 400 && replyCode < 600 && replyCode !== shuttingDown ? 'failed' : 'unknown';
}
