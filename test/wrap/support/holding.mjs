// A relay over stdio that drops a server's responses to tool calls when HOLD is set. It writes the server's process id
// to the file PID, and ends with the server. argv: the server's program.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const { HOLD, PID } = process.env;
const child = spawn(process.execPath, process.argv.slice(2), { stdio: ['pipe', 'pipe', 'inherit'] });
if (PID) writeFileSync(PID, String(child.pid));
const calls = new Set();

function parsed(line) {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { id, method } = parsed(line) ?? {};
    if (method === 'tools/call') calls.add(id);
    child.stdin.write(`${line}\n`);
  })
  .on('close', () => child.stdin.end());
createInterface({ input: child.stdout }).on('line', (line) => {
  const message = parsed(line);
  if (message === undefined) return; // A server may log to stdout: the raw client reads messages only.
  if (HOLD && message.method === undefined && calls.has(message.id)) return;
  process.stdout.write(`${line}\n`);
});
child.stdin.on('error', () => undefined);
process.stdout.on('error', () => undefined);
child.on('exit', (code) => process.exit(code ?? 1));
