import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeTemporaryFolder } from './temporary.ts';

/** Makes a self-signed certificate for host names, valid for two days. Both texts are PEM. */
export function makeCertificate(names: readonly string[]): { readonly key: string; readonly cert: string } {
  const folder = makeTemporaryFolder();
  try {
    const [key, cert] = [join(folder.path, 'key.pem'), join(folder.path, 'cert.pem')];
    const alternatives = names.map((name) => (/^[\d.]+$/.test(name) ? `IP:${name}` : `DNS:${name}`)).join(',');
    const made = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    const named = ['-subj', '/CN=test', '-addext', `subjectAltName=${alternatives}`, '-keyout', key, '-out', cert];
    execFileSync('openssl', ['req', ...made, ...named], { stdio: 'ignore' });
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  } finally {
    folder.remove();
  }
}
