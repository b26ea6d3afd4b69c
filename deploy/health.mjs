// The health check of the image: asks the server in this container whether it is ready. A server over stdio has no port, and
// is healthy while it runs. Usage: node health.mjs [PORT]
import { readFileSync } from 'node:fs';

const port = process.argv[2] ?? portOf(readFileSync('/proc/1/cmdline', 'utf8').split('\0'));
if (port !== undefined) {
  const response = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
  process.exitCode = response?.ok ? 0 : 1;
}

/** Returns the port that a server was told to listen on; undefined for a server over stdio. */
function portOf(args) {
  const at = args.indexOf('--http');
  return at < 0 ? undefined : (/(\d+)$/.exec(args[at + 1] ?? '')?.[1] ?? '3000');
}
