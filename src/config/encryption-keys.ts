import { createSecretKey } from 'node:crypto';
import { McpOnceError } from '../core/errors.ts';
import type { EncryptionKey } from '../core/ledger/encryption.ts';

const variable = 'MCP_ONCE_ENCRYPTION_KEYS';

const keysMax = 16;
/** 32 bytes in base64 are 43 characters and "=". An id is shorter, so a key is never taken for an id. */
const keyText = /^[A-Za-z0-9+/]{43}=$/;
const idText = /^[A-Za-z0-9._-]{1,32}$/;

/**
 * Parses `id:base64,id:base64`. The first key encrypts, all decrypt.
 * @throws McpOnceError `configuration_invalid` that names the key by its position and shows no part of it.
 */
export function encryptionKeysOf(text: string): readonly EncryptionKey[] {
  if (text === '') throw invalid('is empty: unset it to store records unencrypted');
  const parts = text.split(',');
  if (parts.length > keysMax) throw invalid(`holds over ${keysMax} keys`);
  const keys = parts.map((part, index) => keyOf(part.trim(), index + 1));
  const ids = new Set(keys.map(({ id }) => id));
  if (ids.size < keys.length) throw invalid('names two keys by the same id');
  return keys;
}

/** Parses the value of MCP_ONCE_SEALED_ONLY. @throws McpOnceError `configuration_invalid` */
export function sealedOnlyOf(text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new McpOnceError('configuration_invalid', 'Configuration: MCP_ONCE_SEALED_ONLY: must be true or false.');
}

/** @throws McpOnceError `configuration_invalid` */
export function refuseSealedOnlyWithoutKeys(sealedOnly: boolean, keys: readonly EncryptionKey[]): void {
  if (!sealedOnly || keys.length > 0) return;
  throw invalid('is not set, and sealedOnly accepts encrypted records only: set the variable, or leave sealedOnly out');
}

function keyOf(part: string, place: number): EncryptionKey {
  const which = `key ${place}`;
  const colon = part.indexOf(':');
  if (colon === -1) throw invalid(`${which} is not written id:base64`);
  const id = part.slice(0, colon);
  if (!idText.test(id)) throw invalid(`the id of ${which} is not 1 to 32 of A-Z a-z 0-9 . _ -`);
  const secret = Buffer.from(part.slice(colon + 1), 'base64');
  // Buffer decodes leniently: the text must be exactly the encoding of the bytes.
  if (!keyText.test(part.slice(colon + 1)) || secret.toString('base64') !== part.slice(colon + 1)) {
    throw invalid(`${which} is not 32 bytes in base64, such as "openssl rand -base64 32" prints`);
  }
  return { id, secret: createSecretKey(secret) };
}

function invalid(problem: string): McpOnceError {
  return new McpOnceError('configuration_invalid', `Configuration: ${variable}: ${problem}.`);
}
