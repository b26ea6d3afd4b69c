// The step before the tests: they need a real Redis 7 or newer, and never go without it in silence.
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
  process.stderr.write('redis-server is missing: installing it with apt-get.\n');
  // RUNLEVEL=1: the package starts no service, as in single-user mode.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  // apt-get's own output goes to stderr, and only shows when something fails.
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
      `The tests need redis-server ${majorNeeded} or newer (${major === 0 ? 'none' : `version ${major}`} found): install it (Debian/Ubuntu: apt-get install redis-server, macOS: brew install redis), or set REDIS_URL to a running one.\n`,
    );
    process.exitCode = 1;
  }
}
