// Adds to the lock files the optional platform packages that npm left out.
//
// Some tools ship one optional package a platform. Where a registry lacks the ones for other
// platforms, `npm install` drops them from the lock file and `npm ci` then refuses it (EUSAGE).
// Each missing one is written with the exact version its parent asks for and with the platform
// that its name tells, so that npm skips it everywhere else. Run it after every `npm install`.
import { readFileSync, writeFileSync } from 'node:fs';

const platforms = [
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
  'aix',
];
const processors = ['arm64', 'arm', 'x64', 'ia32', 'ppc64', 'riscv64', 'loong64', 's390x', 'mips64el'];

for (const file of ['package-lock.json', 'test/compat/package-lock.json', 'site/package-lock.json']) {
  const path = new URL(`../${file}`, import.meta.url);
  const lock = JSON.parse(readFileSync(path, 'utf8'));
  const added = [];
  for (const [parent, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const parts = name.split('/').at(-1).split('-');
      const os = platforms.find((platform) => parts.includes(platform));
      if (parent === '' || os === undefined || lock.packages[`node_modules/${name}`]) continue;
      const cpu = processors.find((processor) => parts.includes(processor));
      const libc = parts.some((part) => part.startsWith('musl'))
        ? 'musl'
        : parts.some((part) => part.startsWith('gnu'))
          ? 'glibc'
          : undefined;
      lock.packages[`node_modules/${name}`] = {
        version,
        ...(cpu ? { cpu: [cpu] } : {}),
        ...(entry.dev ? { dev: true } : {}),
        ...(os === 'linux' && libc ? { libc: [libc] } : {}),
        optional: true,
        os: [os],
      };
      added.push(`${name}@${version}`);
    }
  }
  const packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(path, `${JSON.stringify({ ...lock, packages }, null, 2)}\n`);
  console.log(`${file}: ${added.length === 0 ? 'complete' : `added ${added.join(', ')}`}`);
}
