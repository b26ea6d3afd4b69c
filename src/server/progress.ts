/** `notifications/progress` of MCP, without its envelope. */
export interface ProgressNotification {
  readonly method: 'notifications/progress';
  readonly params: { progressToken: string | number; progress: number; message: string };
}

/**
 * Tells a caller that its call waits for another one.
 * @param send hands the notification over; a fault is its own to deal with.
 */
export function progressNotifier(
  progressToken: string | number,
  send: (notification: ProgressNotification) => void,
): (waitedMs: number) => void {
  let last = 0;
  return (waitedMs) => {
    // In seconds. It must increase with each notification (MCP 2025-11-25, progress).
    const progress = Math.round(waitedMs / 100) / 10;
    if (progress <= last) return;
    last = progress;
    const message = `The same operation is in flight: waiting for its outcome, ${Math.floor(progress)} s so far.`;
    send({ method: 'notifications/progress', params: { progressToken, progress, message } });
  };
}
