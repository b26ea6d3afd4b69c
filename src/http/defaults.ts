/** How many calls may be in flight and sessions open at once in one process, and how many records the ledger holds. */
export const accessLimits = Object.freeze({
  callsPerSubjectMax: 64,
  callsPerTenantMax: 512,
  callsMax: 4_096,
  sessionsPerSubjectMax: 1_000,
  subscriptionsPerSubjectMax: 64,
  recordsPerSubjectMax: 100_000,
  recordsPerTenantMax: 1_000_000,
});
