import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';

const algorithm = 'aes-256-gcm';
/** 96 bits, for random nonces by NIST SP 800-38D section 8.2.2. One key serves up to 2^32 writes (section 8.3). */
const nonceBytes = 12;
const tagBytes = 16;

/** A key that seals records. A logged `KeyObject` does not show the key. */
export interface EncryptionKey {
  /** The id in each record that this key has sealed. It is not secret. */
  readonly id: string;
  /** 32 bytes. */
  readonly secret: KeyObject;
}

/**
 * Encrypts a text with a new random nonce. The result can be opened for the same name only.
 * @returns base64 of nonce, ciphertext and tag
 */
export function seal({ id, secret }: EncryptionKey, name: string, text: string): string {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(algorithm, secret, nonce, { authTagLength: tagBytes });
  cipher.setAAD(boundTo(id, name));
  const sealed = cipher.update(text, 'utf8');
  // GCM is a stream mode, so `final` returns no bytes.
  cipher.final();
  return Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString('base64');
}

/** Returns the text that was sealed for this name with this key; undefined if any of it was altered. */
export function unseal({ id, secret }: EncryptionKey, name: string, box: string): string | undefined {
  const bytes = Buffer.from(box, 'base64');
  if (bytes.length < nonceBytes + tagBytes) return undefined;
  const tagAt = bytes.length - tagBytes;
  const decipher = createDecipheriv(algorithm, secret, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes });
  decipher.setAAD(boundTo(id, name));
  decipher.setAuthTag(bytes.subarray(tagAt));
  const text = decipher.update(bytes.subarray(nonceBytes, tagAt));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return text.toString('utf8');
}

/** A JSON array of strings has a single text, so different pairs of key and name never have the same binding. */
function boundTo(keyId: string, name: string): Buffer {
  return Buffer.from(JSON.stringify(['mcp-once/sealed', 1, keyId, name]));
}
