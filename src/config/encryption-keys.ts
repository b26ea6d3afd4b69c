import { createSecretKey } from 'node:crypto';
import { McpOnceError } from '../core/errors.ts';
import type { EncryptionKey } from '../core/ledger/encryption.ts';

const variable = 'MCP_ONCE_ENCRYPTION_KEYS';

const keysMax = 16;
/** 32 bytes in base64 are 43 characters and "=". So an id that is too short for a key is never one by mistake. */
const keyText = /^[A-Za-z0-9+/]{43}=$/;
const idText = /^[A-Za-z0-9._-]{1,32}$/;

/**
 * Reads `id:base64,id:base64`: the first key seals, all open.
 * @throws McpOnceError `configuration_invalid` that says which key by its place, and shows nothing of it.
 */
export function encryptionKeysOf(text: string): readonly EncryptionKey[] {
  if (text === '') throw invalid('is empty: unset it where nothing is to be encrypted');
  const parts = text.split(',');
  if (parts.length > keysMax) throw invalid(`holds over ${keysMax} keys`);
  const keys = parts.map((part, index) => keyOf(part.trim(), index + 1));
  const ids = new Set(keys.map(({ id }) => id));
  if (ids.size < keys.length) throw invalid('names two keys by the same id');
  return keys;
}

function keyOf(part: string, place: number): EncryptionKey {
  const which = `key ${place}`;
  const colon = part.indexOf(':');
  if (colon === -1) throw invalid(`${which} is not written id:base64`);
  const id = part.slice(0, colon);
  if (!idText.test(id)) throw invalid(`the id of ${which} is not 1 to 32 of A-Z a-z 0-9 . _ -`);
  const secret = Buffer.from(part.slice(colon + 1), 'base64');
  // What is decoded leniently has to be what was written.
  if (!keyText.test(part.slice(colon + 1)) || secret.toString('base64') !== part.slice(colon + 1)) {
    throw invalid(`${which} is not 32 bytes in base64, such as "openssl rand -base64 32" prints`);
  }
  return { id, secret: createSecretKey(secret) };
}

function invalid(problem: string): McpOnceError {
  return new McpOnceError('configuration_invalid', `Configuration: ${variable}: ${problem}.`);
}
