// The control of the conformance comparison: a relay that passes every check of the suite, although it rewords errors and
// removes unknown fields from results. argv: the server's program.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const [, , ...args] = process.argv;
const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });

function lossy(message) {
  const { result } = message;
  if (result?.isError) {
    result.content = [{ type: 'text', text: 'Something went wrong.' }];
  }
  if (result?.unknown) delete result.unknown;
  return message;
}

createInterface({ input: child.stdout }).on('line', (line) => {
  process.stdout.write(`${JSON.stringify(lossy(JSON.parse(line)))}\n`);
});
process.stdin.pipe(child.stdin);
child.on('exit', (code) => process.exit(code ?? 1));
