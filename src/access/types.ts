/** Who a request comes from, as verified. */
export interface Principal {
  readonly tenant: string;
  readonly subject: string;
  /** Patterns of the tools that it may see and call; undefined: all. */
  readonly tools?: readonly string[];
}
export type Admission =
  | { readonly type: 'admitted'; readonly principal: Principal }
  | {
      readonly type: 'refused';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly message: string;
    };
/** Decides whether a request comes in. Never rejects for what a caller sent. */
export type Admit = (headers: Readonly<Record<string, string | readonly string[] | undefined>>) => Promise<Admission>;
