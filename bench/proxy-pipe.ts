/**
 * The floor of the proxy bench: a process between client and server that only forwards bytes.
 *
 * argv: the server's program and its arguments.
 */
import { spawn } from 'node:child_process';

const child = spawn(process.execPath, process.argv.slice(2), { stdio: ['pipe', 'pipe', 'inherit'] });
process.stdin.on('data', (bytes) => child.stdin.write(bytes));
process.stdin.on('end', () => child.stdin.end());
child.stdout.on('data', (bytes) => process.stdout.write(bytes));
child.on('exit', (code) => process.exit(code ?? 1));
