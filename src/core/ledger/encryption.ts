import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';

const algorithm = 'aes-256-gcm';
/** 96 bits: NIST SP 800-38D section 8.2.2, random nonces. One key then serves up to 2^32 writes (section 8.3). */
const nonceBytes = 12;
const tagBytes = 16;

/** A key that records are sealed with. What is logged or shown of a `KeyObject` is not the key. */
export interface EncryptionKey {
  /** Stands in each record that is sealed with it. No secret. */
  readonly id: string;
  /** 32 bytes. */
  readonly secret: KeyObject;
}

/**
 * Encrypts a text under a fresh random nonce, for one place only: what is sealed for one name does not open
 * for another.
 * @returns base64 of nonce, ciphertext and tag.
 */
export function seal({ id, secret }: EncryptionKey, name: string, text: string): string {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(algorithm, secret, nonce, { authTagLength: tagBytes });
  cipher.setAAD(boundTo(id, name));
  const sealed = cipher.update(text, 'utf8');
  // A stream cipher: nothing is left for the end.
  cipher.final();
  return Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString('base64');
}

/** The text that was sealed for this name with this key; undefined when any of it was changed. */
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

/** A JSON array of strings has one text only: no two pairs of key and name are bound alike. */
function boundTo(keyId: string, name: string): Buffer {
  return Buffer.from(JSON.stringify(['mcp-once/sealed', 1, keyId, name]));
}
