import { describeError, McpOnceError } from '../core/errors.ts';
import { sentence } from '../core/suggest.ts';
import type { ApiDocument } from './document/types.ts';
import type { OpenApiSource } from './source.ts';

/**
 * Adds the path of the document's server to a base URL that names a host only: the document's paths begin there. A base URL
 * with a path, even with a mere slash, stays as it is.
 */
export function withServerPath(baseUrl: string, server: string | undefined): string {
  const namesHost = /^https?:\/\/[^/?#]+$/i.test(baseUrl);
  return namesHost && server !== undefined ? `${baseUrl}${new URL(server).pathname}`.replace(/\/+$/, '') : baseUrl;
}

function firstServer({ listedOperations: [first], serversOf }: ApiDocument): string | undefined {
  return first === undefined ? undefined : serversOf(first)[0];
}

/** How many operations to search for a server. */
const operationsSearchedMax = 50;

/**
 * Returns the base URL of requests without a server of their own.
 * @throws McpOnceError `configuration_invalid` naming the setting to add, or the fault in the operations
 */
export function baseUrlOf(source: OpenApiSource, document: ApiDocument): string {
  const refuse = (why: string): never => {
    throw new McpOnceError('configuration_invalid', sentence(`${document.source}: ${why}`));
  };
  if (source.baseUrl !== undefined) {
    const isUrl = URL.canParse(source.baseUrl) && /^https?:$/.test(new URL(source.baseUrl).protocol);
    if (!isUrl) return refuse('the base URL must be an absolute http or https URL');
    return withServerPath(source.baseUrl, document.ownServers[0] ?? firstServer(document));
  }
  let hasReadable = false;
  let fault: string | undefined;
  for (const listed of document.listedOperations.slice(0, operationsSearchedMax)) {
    try {
      const [server] = document.resolve(listed).servers;
      if (server !== undefined) return server;
      hasReadable = true;
    } catch (error) {
      fault ??= describeError(error);
    }
  }
  if (document.listedOperations.length === 0) {
    const [first] = document.problems;
    const reason = first ? `: ${first.where}: ${first.reason}` : ': its paths are empty';
    return refuse(`it has no operation to serve${reason}`);
  }
  if (!hasReadable && fault !== undefined) return refuse(`none of its operations can be read: ${fault}`);
  const why = document.problems.find(({ where }) => where.includes('/servers'));
  const reason = why ? ` (${why.where}: ${why.reason})` : '';
  return refuse(`it names no usable server${reason}: set one with --base-url or baseUrl`);
}
