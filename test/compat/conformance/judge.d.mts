interface Check {
  readonly id: string;
  readonly status: string;
  readonly errorMessage?: string;
  readonly details?: unknown;
}

interface Exception {
  readonly scenario: string;
  readonly checks?: readonly string[];
  readonly runs?: readonly string[];
  readonly reason: string;
}

export function judge(
  run: string,
  checks: ReadonlyMap<string, Check>,
  exceptions: readonly Exception[],
): { readonly passed: string[]; readonly excepted: string[]; readonly faults: string[] };

export function unmet(runs: readonly ReadonlyMap<string, Check>[], exceptions: readonly Exception[]): string[];
