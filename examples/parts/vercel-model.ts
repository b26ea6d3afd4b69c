import { MockLanguageModelV3 } from 'ai/test';
import { callsMax, isInvoice } from './environment.ts';

type Answer = Awaited<ReturnType<MockLanguageModelV3['doGenerate']>>;
const usage: Answer['usage'] = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};

/** A model that needs no network: it asks for the tool, and again while it sees an error. */
export function stubbornModel(): { model: MockLanguageModelV3; learnt(): string } {
  let calls = 0;
  let learnt = '';
  const model = new MockLanguageModelV3({
    doGenerate: async ({ prompt }): Promise<Answer> => {
      const last = prompt.at(-1);
      if (last?.role === 'tool') learnt = JSON.stringify(last.content);
      const failed = !isInvoice(learnt);
      if (!failed || calls === callsMax) {
        return { content: [{ type: 'text', text: 'done' }], finishReason: stop, usage, warnings: [] };
      }
      calls += 1;
      const input = JSON.stringify({ customer: 'ada' });
      return {
        content: [{ type: 'tool-call', toolCallId: `call-${calls}`, toolName: 'create_invoice', input }],
        finishReason: { unified: 'tool-calls', raw: undefined },
        usage,
        warnings: [],
      };
    },
  });
  return { model, learnt: () => learnt };
}

const stop: Answer['finishReason'] = { unified: 'stop', raw: undefined };
