import type { RpcNotification, RpcRequest } from './message.ts';

const notification = /^notifications\/(tools|prompts|resources)\/list_changed$/;
const listRequest = /^(tools|prompts|resources)\/(?:templates\/)?list$/;

/**
 * Tells the client of a changed list once, until it requests the list again. A flood of notifications then leads to one
 * request at a time, with at most one more afterwards.
 */
export class ListChanges {
  /** The kinds of lists that the client knows to be outdated. */
  readonly #told = new Set<string>();

  /** Returns false for a notification that tells the client nothing new. */
  isNews({ method }: RpcNotification): boolean {
    const kind = notification.exec(method)?.[1];
    if (kind === undefined) return true;
    if (this.#told.has(kind)) return false;
    this.#told.add(kind);
    return true;
  }

  /** Notes a request of the client. What changes from now on is news. */
  noteRequest({ method }: RpcRequest): void {
    const kind = listRequest.exec(method)?.[1];
    if (kind !== undefined) this.#told.delete(kind);
  }
}
