import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { describeError } from '../../core/errors.ts';
import type { ToolLog } from '../../core/tool/types.ts';
import { deepResponseError, isTooDeep } from './deep-messages.ts';
import { type RpcMessage, withPlainToken } from './message.ts';

/** With this many messages that the client has not read, the servers are not read until it catches up. */
const unsentMessagesMax = 256;

/** The connection to the client. Messages pass unchanged, and a slow client slows its servers down. */
export class ClientConnection {
  readonly #transport: Transport;
  readonly #log: ToolLog;
  readonly #setReading: (isOn: boolean) => void;
  #unsent = 0;

  /** @param setReading called to pause and resume reading from the servers. */
  constructor(transport: Transport, log: ToolLog, setReading: (isOn: boolean) => void) {
    this.#transport = transport;
    this.#log = log;
    this.#setReading = setReading;
  }

  async start(receive: (message: RpcMessage) => void): Promise<void> {
    this.#transport.onmessage = (message) => receive(withPlainToken(message as RpcMessage));
    this.#transport.onerror = (error) => this.#log.debug(`client: ${describeError(error)}`);
    await this.#transport.start();
  }

  /**
   * A response that cannot be written is replaced by an error: without an answer, the client would wait for ever.
   * @param onWritten called when the operating system has the message
   */
  readonly send = (message: RpcMessage, onWritten?: () => void): void => {
    if (!isTooDeep(message)) this.#transmit(message, onWritten);
    else if ('method' in message) this.#log.warn('a message is nested too deep and was not passed on');
    else this.#transmit(deepResponseError(message));
  };

  #transmit(message: RpcMessage, onWritten?: () => void): void {
    this.#unsent += 1;
    if (this.#unsent === unsentMessagesMax) this.#setReading(false);
    this.#transport
      .send(message as JSONRPCMessage)
      .then(onWritten)
      .catch((error: unknown) => this.#log.debug(`client: ${describeError(error)}`))
      .finally(() => {
        this.#unsent -= 1;
        if (this.#unsent === unsentMessagesMax - 1) this.#setReading(true);
      });
  }
}
