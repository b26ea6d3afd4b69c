import { callsMax, isInvoice } from './environment.ts';

interface Prompt {
  readonly prompt: readonly { readonly role: string; readonly content: unknown }[];
}
type Part = Readonly<Record<string, unknown>>;

const usage = { inputTokens: 1, outputTokens: 1, totalTokens: 2 };

/** A model that needs no network (AI SDK language model, version 2): it asks for the tool, and again while it sees an error. */
export function stubbornModel(tool: string) {
  let calls = 0;
  let learnt = '';
  const answer = ({ prompt }: Prompt): { content: Part[]; finishReason: string } => {
    const answers = prompt.filter(({ role }) => role === 'tool').map(({ content }) => content);
    if (answers.length > 0) learnt = JSON.stringify(answers.flat().at(-1));
    const failed = !isInvoice(learnt);
    if (!failed || calls === callsMax) return { content: [{ type: 'text', text: 'done' }], finishReason: 'stop' };
    calls += 1;
    const call = { toolCallId: `call-${calls}`, toolName: tool, input: '{"customer":"ada"}' };
    return { content: [{ type: 'tool-call', ...call }], finishReason: 'tool-calls' };
  };
  const model = {
    specificationVersion: 'v2',
    provider: 'example',
    modelId: 'stubborn',
    supportedUrls: {},
    doGenerate: async (options: Prompt) => ({ ...answer(options), usage, warnings: [] }),
    doStream: async (options: Prompt) => {
      const { content, finishReason } = answer(options);
      const parts = content.flatMap((part): Part[] =>
        part.type === 'text'
          ? [
              { type: 'text-start', id: 't' },
              { type: 'text-delta', id: 't', delta: part.text },
              { type: 'text-end', id: 't' },
            ]
          : [part],
      );
      const all = [{ type: 'stream-start', warnings: [] }, ...parts, { type: 'finish', finishReason, usage }];
      return { stream: ReadableStream.from(all) };
    },
  };
  return { model: model as never, learnt: () => learnt };
}
