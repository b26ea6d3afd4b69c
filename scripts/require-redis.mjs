// Runs before the tests. They need a real Redis 7 or newer, and must not skip without it silently.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const majorNeeded = 7;

function installedMajor() {
  try {
    const version = execFileSync('redis-server', ['--version'], { encoding: 'utf8' });
    return Number(/v=(\d+)\./.exec(version)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

function install() {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) return;
  process.stderr.write('redis-server is missing. Installing it with apt-get.\n');
  // RUNLEVEL=1 keeps the package from starting a service, as in single-user mode.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  // The output of apt-get is shown only when it fails.
  try {
    execFileSync('apt-get', ['update', '-q'], { env, stdio: 'pipe' });
    execFileSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'redis-server'], { env, stdio: 'pipe' });
  } catch (error) {
    process.stderr.write(
      `apt-get failed: ${String(error.stderr ?? error)
        .trim()
        .split('\n')
        .slice(-3)
        .join(' ')}\n`,
    );
  }
}

if (!process.env.REDIS_URL) {
  if (installedMajor() < majorNeeded) install();
  const major = installedMajor();
  if (major < majorNeeded) {
    process.stderr.write(
      `The tests need redis-server ${majorNeeded} or newer (${major === 0 ? 'none' : `version ${major}`} found). Install it (Debian/Ubuntu: apt-get install redis-server, macOS: brew install redis), or set REDIS_URL to a running one.\n`,
    );
    process.exitCode = 1;
  }
}
