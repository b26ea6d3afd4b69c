/** A text that the engine's own sentence goes on from: without a full stop at its end. */
export function withoutStop(text: string): string {
  return text.replace(/\.+$/, '');
}
