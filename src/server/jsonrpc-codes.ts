/** Error codes of JSON-RPC 2.0 (section 5.1) and of the Model Context Protocol. */

export const parseError = -32_700;
export const invalidRequest = -32_600;
export const methodNotFound = -32_601;
export const invalidParams = -32_602;
export const internalError = -32_603;

/** A fault of the server that has no code of its own (JSON-RPC 2.0, implementation-defined server errors). */
export const serverError = -32_000;
/** The session does not exist, or has ended (MCP 2025-11-25, Streamable HTTP). */
export const sessionNotFound = -32_001;
/** No resource has this URI (MCP 2025-11-25, resources). */
export const resourceNotFound = -32_002;
/** Header and body of a request disagree (MCP 2026-07-28, Streamable HTTP). */
export const headerMismatch = -32_020;
/** The client has not declared a capability that the request needs (MCP 2026-07-28). */
export const missingCapability = -32_021;
/** The user has to open a URL first (MCP 2025-11-25, elicitation in URL mode). */
export const urlElicitationRequired = -32_042;
