import { MESSAGE_CONTENT_DEPTH, markNumbers } from '../../core/exact-json.ts';
import { defined } from '../../core/json.ts';

/** The limit of a response body, and a callback for its end. */
export interface BodyWatch {
  /** The longest message, in bytes: one event of an event stream, else the whole body. */
  readonly messageBytesMax: number;
  readonly isEventStream: boolean;
  /** Called once, at the end of the body. */
  ended(how: BodyEnding): void;
}

/** How a body ended. */
export interface BodyEnding {
  /** Undefined after a normal end. */
  readonly fault?: 'broken' | 'too_large';
  /** True when the events have ids, so that the rest of the stream can be requested. */
  readonly isResumable: boolean;
}

const eventId = Buffer.from('\nid:');
const blankLines = [Buffer.from('\n\n'), Buffer.from('\r\n\r\n')];

/** Passes a body on, and cuts it off where a message is too long. */
export function watchBody(body: ReadableStream<Uint8Array>, watch: BodyWatch): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  const state = { bytes: 0, isResumable: false, hasEnded: false };
  const end = (fault?: BodyEnding['fault']): void => {
    if (state.hasEnded) return;
    state.hasEnded = true;
    watch.ended({ isResumable: state.isResumable, ...defined({ fault }) });
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
        if (isWithinLimit(value, watch, state)) {
          controller.enqueue(value);
          return;
        }
        void reader.cancel().catch(() => undefined);
        controller.error(new Error(`a message is longer than ${watch.messageBytesMax} bytes`));
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

/** The lines of an event that hold its data. U+2028 ends no line here. */
const dataLines = /(?:^|(?<=[\r\n]))data:[^\r\n]*(?:(?:\r\n|\r|\n)data:[^\r\n]*)*/g;

/**
 * Marks the numbers of messages that JavaScript would write in another way, because the SDK parses the body. A body of JSON
 * is marked as a whole, and an event stream event by event, because the depth of a number counts.
 */
export function markedBody(body: ReadableStream<Uint8Array>, isEventStream: boolean): ReadableStream<Uint8Array> {
  let pieces: Uint8Array[] = [];
  let end: Uint8Array = new Uint8Array();
  const events = (): string => {
    const bytes = Buffer.concat(pieces);
    const length = Math.max(...blankLines.map((blank) => afterLast(bytes, blank)));
    pieces = length === bytes.length ? [] : [bytes.subarray(length)];
    return bytes.toString('utf8', 0, length);
  };
  const marked = (text: string): Uint8Array => {
    const mark = (json: string): string => markNumbers(json, MESSAGE_CONTENT_DEPTH);
    return Buffer.from(isEventStream ? text.replace(dataLines, mark) : mark(text));
  };
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        pieces.push(chunk);
        if (!isEventStream) return;
        // A blank line may begin in the chunk before.
        const around = Buffer.concat([end, chunk]);
        end = around.subarray(-3);
        if (blankLines.some((blank) => around.includes(blank))) controller.enqueue(marked(events()));
      },
      flush(controller) {
        if (pieces.length > 0) controller.enqueue(marked(Buffer.concat(pieces).toString()));
      },
    }),
  );
}

function afterLast(bytes: Buffer, blank: Buffer): number {
  const at = bytes.lastIndexOf(blank);
  return at === -1 ? 0 : at + blank.length;
}

function isWithinLimit(chunk: Uint8Array, watch: BodyWatch, state: { bytes: number; isResumable: boolean }): boolean {
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
