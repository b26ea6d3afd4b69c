// An MCP server over stdio in front of the office at OFFICE_URL. It loads no package, so that it starts fast.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { answerAsServer, type ServedTool } from './office-mcp.ts';

const { OFFICE_URL = '', OFFICE_TOOLS = '' } = process.env;
const tools = JSON.parse(readFileSync(OFFICE_TOOLS, 'utf8')) as readonly ServedTool[];
createInterface({ input: process.stdin }).on('line', (line) => {
  void answerAsServer(OFFICE_URL, tools, JSON.parse(line)).then((answer) => {
    if (answer !== undefined) process.stdout.write(`${JSON.stringify(answer)}\n`);
  });
});
process.stdin.on('end', () => process.exit(0));
