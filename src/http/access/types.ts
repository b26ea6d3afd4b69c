/** Who sent a request, as verified. */
export interface Principal {
  readonly tenant: string;
  readonly subject: string;
  /** Patterns of the tools that it may see and call. All when undefined. */
  readonly tools?: readonly string[];
}

export type Admission =
  | { readonly type: 'admitted'; readonly principal: Principal; readonly stepUp?: StepUp | undefined }
  | Refusal;

/** The response to a caller that is not admitted. */
export interface Refusal {
  readonly type: 'refused';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly message: string;
  /** More about the reason, for the operator's log only. Holds no part of a token. */
  readonly detail?: string | undefined;
}

/**
 * Refuses a tool that the token's scopes do not allow and another scope would, and names that scope. Returns undefined
 * for any other tool.
 * @param allows returns whether tool patterns match the called tool
 * @param accumulates whether the client keeps the scopes that it has when it requests more (MCP 2026-07-28); otherwise
 *   the refusal names those too (MCP 2025-11-25, scope challenge handling)
 */
export type StepUp = (allows: (patterns: readonly string[]) => boolean, accumulates: boolean) => Refusal | undefined;

/**
 * Decides whether a request is admitted. Never rejects because of what a caller sent.
 * @param peer the address that the request came from
 */
export type Admit = (
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  peer?: string,
) => Promise<Admission>;
