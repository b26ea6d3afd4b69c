/** What is watched of the body of one answer. */
export interface BodyWatch {
  /** The longest message, in bytes: of an event stream each event, of anything else the whole. */
  readonly messageBytesMax: number;
  readonly isEventStream: boolean;
  /** Told once when no more will come. */
  ended(how: BodyEnding): void;
}

/** How a body ended. */
export interface BodyEnding {
  /** Undefined when it ended as it should. */
  readonly fault?: 'broken' | 'too_large';
  /** True when the server numbered its events, so that the rest of the stream can be asked for. */
  readonly isResumable: boolean;
}

const eventId = Buffer.from('\nid:');
const blankLines = [Buffer.from('\n\n'), Buffer.from('\r\n\r\n')];

/** A body as it comes, cut off where a message is too long. */
export function watchBody(body: ReadableStream<Uint8Array>, watch: BodyWatch): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  const state = { bytes: 0, isResumable: false, hasEnded: false };
  const end = (fault?: BodyEnding['fault']): void => {
    if (state.hasEnded) return;
    state.hasEnded = true;
    watch.ended({ isResumable: state.isResumable, ...(fault === undefined ? {} : { fault }) });
  };
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) {
          controller.close();
          end();
          return;
        }
        if (isWithin(value, watch, state)) {
          controller.enqueue(value);
          return;
        }
        void reader.cancel().catch(() => undefined);
        controller.error(new Error(`a message has more than the ${watch.messageBytesMax} bytes that are read`));
        end('too_large');
      } catch (error) {
        controller.error(error);
        end('broken');
      }
    },
    async cancel(reason) {
      end('broken');
      await reader.cancel(reason);
    },
  });
}

function isWithin(chunk: Uint8Array, watch: BodyWatch, state: { bytes: number; isResumable: boolean }): boolean {
  if (!watch.isEventStream) {
    state.bytes += chunk.length;
    return state.bytes <= watch.messageBytesMax;
  }
  const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  state.isResumable ||= bytes.includes(eventId) || bytes.subarray(0, 3).toString() === 'id:';
  const boundary = Math.max(...blankLines.map((blank) => bytes.lastIndexOf(blank)));
  state.bytes = boundary === -1 ? state.bytes + bytes.length : bytes.length - boundary;
  return state.bytes <= watch.messageBytesMax;
}
