/** Bounds of the sandbox. */
export const limits = Object.freeze({
  bodyBytesMax: 1024 * 1024,
  urlBytesMax: 16 * 1024,
  parametersMax: 1_000,
  nestingMax: 6,
  idempotencyKeyMax: 255,
  idempotencyWindowMs: 24 * 3_600_000,
  connectionsMax: 1_000,
  faultRulesMax: 100,
  heldMax: 1_000,
  faultDelayMsMax: 600_000,
  awaitMsMax: 60_000,
  requestsKeptMax: 100_000,
  listMax: 100,
  clockAdvanceMsMax: 10 * 366 * 24 * 3_600_000,
});
