import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { describeError } from '../../core/errors.ts';
import type { ToolLog } from '../../core/tool/types.ts';
import type { RpcMessage } from './message.ts';

/** So many messages that the client has not taken yet, and upstreams are not read any more. */
const unsentMax = 256;

/** The client of a proxy: messages pass as they are, and a client that does not read slows its servers down. */
export class ClientConnection {
  readonly #transport: Transport;
  readonly #log: ToolLog;
  readonly #reading: (on: boolean) => void;
  #unsent = 0;

  /** @param reading told when upstreams should be read no more, and when they may be again. */
  constructor(transport: Transport, log: ToolLog, reading: (on: boolean) => void) {
    this.#transport = transport;
    this.#log = log;
    this.#reading = reading;
  }

  async start(receive: (message: RpcMessage) => void): Promise<void> {
    this.#transport.onmessage = (message) => receive(message as RpcMessage);
    this.#transport.onerror = (error) => this.#log.debug(`client: ${describeError(error)}`);
    await this.#transport.start();
  }

  readonly send = (message: RpcMessage): void => {
    this.#unsent += 1;
    if (this.#unsent === unsentMax) this.#reading(false);
    this.#transport
      .send(message as JSONRPCMessage)
      .catch((error: unknown) => this.#log.debug(`client: ${describeError(error)}`))
      .finally(() => {
        this.#unsent -= 1;
        if (this.#unsent === unsentMax - 1) this.#reading(true);
      });
  };
}
