/** How a tool reaches the office. */
export interface Route {
  readonly method: string;
  /** The path at the API, with arguments in braces. */
  readonly path: string;
}

/** An answer of the office that is not a success. */
export class OfficeError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(`${status} ${message}`);
    this.status = status;
  }
}

/** Sends one call to the office, as each server's own code does. @throws OfficeError, or what `fetch` throws */
export async function callOffice(url: string, tool: Route, args: Readonly<Record<string, unknown>>) {
  const path = tool.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(args[name])));
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url + path, { method: tool.method, headers, body: JSON.stringify(args) });
  const body = (await response.json()) as { id: string; message?: string };
  if (!response.ok) throw new OfficeError(response.status, body.message ?? '');
  return { id: body.id };
}
