import { describeError, McpOnceError } from '../core/errors.ts';
import { sentence } from '../core/suggest.ts';
import type { ApiDocument } from './document/types.ts';
import type { OpenApiSource } from './source.ts';

/** How many operations are asked for a server before there is none. */
const serversAskedMax = 50;

/**
 * Where requests go that say nothing else.
 * @throws McpOnceError `configuration_invalid` naming what to give, or what keeps every operation from being read.
 */
export function baseUrlOf(source: OpenApiSource, document: ApiDocument): string {
  const refuse = (why: string): never => {
    throw new McpOnceError('configuration_invalid', sentence(`${document.source}: ${why}`));
  };
  if (source.baseUrl !== undefined) {
    const isUrl = URL.canParse(source.baseUrl) && /^https?:$/.test(new URL(source.baseUrl).protocol);
    return isUrl ? source.baseUrl : refuse('the base URL must be an absolute one of http or https');
  }
  let isRead = false;
  let fault: string | undefined;
  for (const head of document.heads.slice(0, serversAskedMax)) {
    try {
      const [server] = document.operation(head).servers;
      if (server !== undefined) return server;
      isRead = true;
    } catch (error) {
      fault ??= describeError(error);
    }
  }
  if (document.heads.length === 0) {
    const [first] = document.problems;
    const reason = first ? `: ${first.where}: ${first.reason}` : ': its paths hold none';
    return refuse(`it has no operation that can be served${reason}`);
  }
  if (!isRead && fault !== undefined) return refuse(`none of its operations can be read: ${fault}`);
  const why = document.problems.find(({ where }) => where.includes('/servers'));
  const reason = why ? ` (${why.where}: ${why.reason})` : '';
  return refuse(`it names no server that can be called${reason}: give one with --base-url, or baseUrl`);
}
