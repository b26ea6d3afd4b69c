import { fileURLToPath } from 'node:url';

/** How an agent starts the shop's server. */
export const shopCommand = {
  command: process.execPath,
  args: [fileURLToPath(new URL('./stdio-server.js', import.meta.url))],
  env: Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  ),
};

/** How often a model that sees an error tries again, as models do. */
export const callsMax = 3;

/** Whether an answer says that there is an invoice; anything else a model takes for an error. */
export function isInvoice(answer: string): boolean {
  return /invoice \d+ for|number\W+\d/.test(answer);
}

/** What the test reads: the last thing that the agent learnt of its call. */
export function report(learnt: unknown): void {
  process.stdout.write(`${JSON.stringify({ learnt: typeof learnt === 'string' ? learnt : JSON.stringify(learnt) })}\n`);
}
