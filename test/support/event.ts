import { vi } from 'vitest';

/** The time limit for an event that must come, in ms. It ends a test that hangs, and allows for a busy machine. */
export const eventMsMax = 240_000;

/** Tries until a check passes, and returns its result. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: eventMsMax, interval: 10 });
}
