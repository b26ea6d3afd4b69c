import { type Model, type ModelRequest, type ModelResponse, Usage } from '@openai/agents';
import { callsMax, isInvoice } from './environment.ts';

/** A model that needs no network: it asks for the tool, and again while it sees an error. */
export class StubbornModel implements Model {
  learnt = '';
  #calls = 0;

  async getResponse({ input }: ModelRequest): Promise<ModelResponse> {
    const last = typeof input === 'string' ? undefined : input.at(-1);
    if (last?.type === 'function_call_result') this.learnt = JSON.stringify(last.output);
    const failed = !isInvoice(this.learnt);
    if (!failed || this.#calls === callsMax) {
      const content = [{ type: 'output_text' as const, text: 'done' }];
      return { usage: new Usage(), output: [{ type: 'message', role: 'assistant', status: 'completed', content }] };
    }
    this.#calls += 1;
    const call = { callId: `call-${this.#calls}`, name: 'create_invoice', arguments: '{"customer":"ada"}' };
    return { usage: new Usage(), output: [{ type: 'function_call', status: 'completed', ...call }] };
  }

  getStreamedResponse(): AsyncIterable<never> {
    throw new Error('this model does not stream');
  }
}
