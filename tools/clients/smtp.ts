import { defineClient, z } from 'mcp-once';
import { classifyMailError } from './smtp-errors.ts';
import { Mailer } from './smtp-mailer.ts';

/** The variables of the smtp client. Their messages never hold a value. */
const smtpEnvironment = z.object({
  SMTP_URL: z
    .string('must be set, such as smtps://user:password@mail.example.com')
    .max(4_096)
    .refine(isSmtpUrl, 'must be a URL such as smtps://user:password@mail.example.com'),
});

/**
 * A mail server, reached by SMTP. It takes no idempotency keys (`memory` 0) and cannot report which messages it
 * sent, so an unknown outcome stays unknown.
 */
export const smtp = defineClient({
  name: 'smtp',
  env: smtpEnvironment,
  open: async ({ SMTP_URL }) => Mailer.open(SMTP_URL),
  upstream: ({ SMTP_URL }) => {
    const { protocol, hostname, port, username } = new URL(SMTP_URL);
    const defaultPort = protocol === 'smtps:' ? '465' : '587';
    return {
      origin: `smtp://${hostname.toLowerCase()}:${port || defaultPort}`,
      mode: 'live',
      account: decodeURIComponent(username) || 'anonymous',
    };
  },
  classify: classifyMailError,
});

function isSmtpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username } = new URL(text);
  if ((protocol !== 'smtp:' && protocol !== 'smtps:') || hostname === '') return false;
  try {
    decodeURIComponent(username);
    return true;
  } catch {
    return false;
  }
}
