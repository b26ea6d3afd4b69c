import { z } from 'zod';
import type { Reply } from '../../ledger/record.ts';

const replySchema = z.object({
  action: z.enum(['accept', 'decline', 'cancel']),
  content: z.record(z.string(), z.unknown()).nullish(),
});

/**
 * Reads the reply to one request. Returns `missing` without a reply, so that the question is put again (MCP
 * 2026-07-28, multi round-trip requests, error handling), and `invalid` when the response is not a reply.
 */
export function replyTo(responses: unknown, name: string): Reply | 'missing' | 'invalid' {
  if (typeof responses !== 'object' || responses === null || !Object.hasOwn(responses, name)) return 'missing';
  const parsed = replySchema.safeParse((responses as Record<string, unknown>)[name]);
  if (!parsed.success) return 'invalid';
  const { action, content } = parsed.data;
  return content ? { action, content } : { action };
}
