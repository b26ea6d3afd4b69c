/** Who a request comes from, as verified. */
export interface Principal {
  readonly tenant: string;
  readonly subject: string;
  /** Patterns of the tools that it may see and call; undefined: all. */
  readonly tools?: readonly string[];
}
export type Admission =
  | { readonly type: 'admitted'; readonly principal: Principal; readonly stepUp?: StepUp | undefined }
  | Refusal;

/** What is answered to whoever does not come in. */
export interface Refusal {
  readonly type: 'refused';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly message: string;
  /** What the operator may know besides, and the caller need not. No part of a token. */
  readonly detail?: string | undefined;
}

/**
 * Refuses a tool that the token's scopes do not give and another scope would: says which to ask for. Undefined for
 * any other tool.
 * @param gives whether patterns of tools are right for the tool that is called
 * @param accumulates whether the client keeps the scopes that it has when it asks for more (MCP 2026-07-28); for one
 *   that does not, they are named, too (MCP 2025-11-25, scope challenge handling)
 */
export type StepUp = (gives: (patterns: readonly string[]) => boolean, accumulates: boolean) => Refusal | undefined;

/** Decides whether a request comes in. Never rejects for what a caller sent. */
export type Admit = (headers: Readonly<Record<string, string | readonly string[] | undefined>>) => Promise<Admission>;
