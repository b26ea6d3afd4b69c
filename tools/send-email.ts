import { defineTool, z } from 'mcp-once';
import { smtp } from './clients/smtp.ts';
import { address, given } from './parts/fields.ts';

const line = /^[^\r\n]*\S[^\r\n]*$/;

const recipients = z.array(address).min(1).max(50);

export const sendEmail = defineTool({
  name: 'send_email',
  title: 'Send e-mail',
  description:
    'Sends one plain-text e-mail at once; it cannot be called back. A repeat to the same recipients with the same subject within 24 hours sends nothing: it returns the first result, or, if the text differs, a conflict that names the field. A second one that is really meant needs the repeat_token of that answer. Mail servers cannot be asked what they have sent: if the connection breaks at the wrong moment the answer is outcome_unknown, and the message is not sent again until a person has decided.',
  effect: 'create',
  input: z.strictObject({
    from: address.describe('The sender; the mail server must let this account send as it.'),
    from_name: z
      .string()
      .trim()
      .min(1)
      .max(200)
      .regex(line, 'must be one line')
      .optional()
      .describe("The sender's name, as shown."),
    to: recipients.describe('Recipients: 1 to 50 addresses.'),
    cc: recipients.optional().describe('Recipients of a copy, seen by all.'),
    bcc: recipients.optional().describe('Recipients of a copy, seen by nobody else.'),
    reply_to: address.optional().describe('Where replies go, if not to the sender.'),
    subject: z.string().trim().min(1).max(500).regex(line, 'must be one line').describe('Subject, one line.'),
    text: z.string().min(1).max(200_000).describe('The message, as plain text.'),
  }),
  output: z.object({
    message_id: z.string().describe('The Message-ID header: the same for the same operation.'),
    accepted: z.array(z.string()).describe('Recipients the mail server took the message for.'),
    rejected: z.array(z.string()).describe('Recipients it refused; they get nothing.'),
    response: z.string().describe("The mail server's last reply."),
  }),
  client: smtp,
  // Case, spacing and the order of recipients do not matter. The text is not part of the identity.
  identity: ({ from, to, cc = [], bcc = [], subject }) => ({
    from: from.toLowerCase(),
    to: sorted(to),
    cc: sorted(cc),
    bcc: sorted(bcc),
    subject: subject.toLowerCase().replace(/\s+/g, ' '),
  }),
  recovery: 'refuse',
  async run(input, { client, upstreamKey, signal }) {
    const { from, from_name, to, cc, bcc, reply_to, subject, text } = input;
    const messageId = `<${upstreamKey}@${from.slice(from.lastIndexOf('@') + 1).toLowerCase()}>`;
    const mail = {
      from: from_name === undefined ? from : { name: from_name, address: from },
      to,
      subject,
      text,
      messageId,
      // The message must not load files or URLs.
      disableFileAccess: true,
      disableUrlAccess: true,
      ...given({ cc, replyTo: reply_to }),
    };
    const envelope = { from, to: [...new Set([...to, ...(cc ?? []), ...(bcc ?? [])])] };
    const { accepted, rejected, response } = await client.send(mail, envelope, signal);
    return { message_id: messageId, accepted: [...accepted], rejected: [...rejected], response };
  },
});

function sorted(addresses: readonly string[]): string[] {
  return [...new Set(addresses.map((each) => each.toLowerCase()))].sort();
}
