import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from 'node:diagnostics_channel';
import { errorMonitor } from 'node:events';

/** The part of a run that sends requests: one step, or everything beside the steps. */
export class Sender {
  /** The run's steps, so that they recognise their own code. */
  readonly run: object;
  readonly isStep: boolean;
  #sent = 0;

  constructor(run: object, isStep: boolean) {
    this.run = run;
    this.isStep = isStep;
  }

  /** Whether an HTTP request that may have an effect left this machine, or may have. */
  get hasSent(): boolean {
    return this.#sent > 0;
  }

  noteSent(): void {
    this.#sent += 1;
  }

  /** Takes back a request that could not be sent. */
  noteUnsent(): void {
    this.#sent -= 1;
  }
}

/** Whose code is running. One storage for all runs, because each one slows down every promise. */
const senderUnderWay = new AsyncLocalStorage<Sender | undefined>();
let underWay = 0;

/** Runs code as a sender. Turns the storage off while nothing runs, because it would slow down every replay. */
export async function sendAs<T>(sender: Sender, send: () => Promise<T>): Promise<T> {
  watchRequests();
  underWay += 1;
  try {
    return await senderUnderWay.run(sender, send);
  } finally {
    underWay -= 1;
    if (underWay === 0) senderUnderWay.disable();
  }
}

/** Runs code whose requests count for no sender: those of the ledger, and reads. */
export function sendAsNobody<T>(send: () => T): T {
  return senderUnderWay.run(undefined, send);
}

/** Whether the current code is inside a step of a run. */
export function isInStepOf(run: object): boolean {
  const sender = senderUnderWay.getStore();
  return sender?.isStep === true && sender.run === run;
}

/** Methods that change nothing (RFC 9110, 9.2.1). */
const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY']);
/** System calls that precede the first byte of a request. */
const beforeSending: ReadonlySet<string> = new Set(['connect', 'getaddrinfo']);

let isWatching = false;

/** Notes the requests of `fetch`, undici and `node:http`, by the channels that Node documents. */
function watchRequests(): void {
  if (isWatching) return;
  isWatching = true;
  const senders = new WeakMap<object, Sender>();
  subscribe('undici:request:create', (message) => {
    const { request } = message as { request: HttpRequest };
    const sender = senderUnderWay.getStore();
    if (sender && !safeMethods.has(request.method)) senders.set(request, sender);
  });
  subscribe('undici:client:sendHeaders', (message) => {
    senders.get((message as { request: HttpRequest }).request)?.noteSent();
  });
  subscribe('http.client.request.start', (message) => {
    const { request } = message as { request: HttpRequest & NodeJS.EventEmitter };
    const sender = senderUnderWay.getStore();
    if (!sender || safeMethods.has(request.method)) return;
    sender.noteSent();
    request.once(errorMonitor, ({ syscall }: NodeJS.ErrnoException) => {
      if (beforeSending.has(syscall ?? '')) sender.noteUnsent();
    });
  });
}

interface HttpRequest {
  readonly method: string;
}
