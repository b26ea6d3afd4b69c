import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { expect, onTestFinished, test } from 'vitest';
import { paymentOf, unique, useStage } from '../e2e/support/stage.ts';

const stage = useStage();

const outcomeOf = (result: { _meta?: Record<string, unknown> | undefined }) =>
  result._meta?.['mcp-once/outcome'] as { code: string; replayed: boolean };

test.each(['auto', 'legacy', { pin: '2026-07-28' }] as const)(
  'stdio executes an operation once for a client of the 2026 SDK (%j) and one of 2025',
  async (mode) => {
    const description = unique('stdio');
    const args = paymentOf(description);
    const { command, args: commandLine, env } = await stage.command();
    const client = new Client({ name: 'e2e', version: '1.0.0' }, { versionNegotiation: { mode } });
    onTestFinished(() => client.close());
    await client.connect(new StdioClientTransport({ command, args: commandLine, env, stderr: 'ignore' }));
    expect(client.getNegotiatedProtocolVersion()).toBe(mode === 'legacy' ? '2025-11-25' : '2026-07-28');
    const [newer, older] = await Promise.all([
      client.callTool({ name: 'create_payment', arguments: args }),
      stage.server().then((server) => server.call('create_payment', args)),
    ]);
    expect([outcomeOf(newer).replayed, older.outcome.replayed].sort()).toEqual([false, true]);
    expect(await stage.sandbox.described('payment_intents', description)).toHaveLength(1);
  },
);
