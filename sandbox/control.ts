import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { advanceClock } from './database.ts';
import type { Call } from './endpoint.ts';
import { faultRule, pathMatches } from './faults.ts';
import { jsonResponse, type ReceivedRequest, type SandboxResponse } from './http.ts';
import { invoices } from './invoice-record.ts';
import { linesOf, totalsOf } from './invoice-view.ts';
import type { JournalEntry } from './journal.ts';
import { limits } from './limits.ts';
import { clockMs, makeCall, type Parts } from './parts.ts';
import { kinds } from './routes.ts';

const notice = 'This is the sandbox of mcp-once: nothing real is billed.';

const clockBody = z.strictObject({
  advanceMs: z.number().int().min(-limits.clockAdvanceMsMax).max(limits.clockAdvanceMsMax),
});
const releaseBody = z.strictObject({ id: z.string().max(40).optional() });
const effectsQuery = z.strictObject({ rows: z.coerce.number().int().min(0).max(10_000).default(1_000) });
const awaitQuery = z.strictObject({
  path: z.string().min(1).max(200).optional(),
  method: z.enum(['GET', 'POST', 'DELETE']).optional(),
  count: z.coerce.number().int().min(1).max(limits.requestsKeptMax).default(1),
  since: z.coerce.number().int().min(0).default(0),
  timeoutMs: z.coerce.number().int().min(0).max(limits.awaitMsMax).default(10_000),
});

/** Answers the control endpoints under `/_sandbox`, which show the sandbox and set faults. */
export async function handleControl(parts: Parts, request: ReceivedRequest): Promise<SandboxResponse> {
  const query = Object.fromEntries(new URLSearchParams(request.query));
  const invoiceId = /^\/_sandbox\/invoices\/(in_\w{1,64})$/.exec(request.path)?.[1];
  if (request.method === 'GET' && invoiceId !== undefined) return invoicePage(parts, invoiceId);
  switch (`${request.method} ${request.path}`) {
    case 'GET /_sandbox/health':
      return jsonResponse(200, {
        status: 'ok',
        notice,
        faultsAllowed: parts.mayMisbehave,
        clockMs: clockMs(parts),
      });
    case 'GET /_sandbox/effects':
      return checked(effectsQuery, query, ({ rows }) => jsonResponse(200, effectsOf(parts, rows)));
    case 'GET /_sandbox/await':
      return checkedAsync(awaitQuery, query, (wanted) => awaitRequests(parts, wanted));
    case 'GET /_sandbox/faults':
      return jsonResponse(200, { faults: parts.faults.list() });
    case 'POST /_sandbox/faults':
      return misbehaving(parts, request, faultRule, (rule) => {
        const id = parts.faults.add(rule);
        return id === undefined
          ? failure(400, `There are ${limits.faultRulesMax} rules already. DELETE /_sandbox/faults takes them away.`)
          : jsonResponse(200, { id });
      });
    case 'DELETE /_sandbox/faults':
      return misbehaving(parts, request, z.unknown(), () => {
        parts.faults.clear();
        return jsonResponse(200, { cleared: true });
      });
    case 'POST /_sandbox/release':
      return misbehaving(parts, request, releaseBody, ({ id }) =>
        jsonResponse(200, { released: parts.faults.release(id) }),
      );
    case 'POST /_sandbox/clock':
      return misbehaving(parts, request, clockBody, ({ advanceMs }) => {
        advanceClock(parts.db, advanceMs);
        return jsonResponse(200, { clockMs: clockMs(parts) });
      });
    default:
      return failure(404, `There is no ${request.method} ${request.path.slice(0, 100)} here.`);
  }
}

/** Counts existing objects and executed actions, and returns the rows behind both. */
function effectsOf(parts: Parts, rowsMax: number): object {
  return parts.db.transaction('deferred', () => {
    const counts: Record<string, number> = {};
    const rows: Record<string, (object | undefined)[]> = {};
    for (const kind of kinds) {
      counts[kind.name] =
        parts.db.prepareColumn<[string], number>('SELECT count(*) FROM objects WHERE kind = ?').get(kind.name) ?? 0;
      rows[kind.name] = parts.db
        .prepare<[string, number], { id: string; account: string }>(
          'SELECT id, account FROM objects WHERE kind = ? ORDER BY seq DESC LIMIT ?',
        )
        .all(kind.name, rowsMax)
        .reverse()
        .map((row) => kind.show(callFor(parts, row.account), row.id));
    }
    return {
      counts,
      actions: parts.journal.effectCounts(),
      rows,
      effects: parts.journal.effects(rowsMax),
      requests: parts.journal.newestRequests(rowsMax),
    };
  });
}

/** Answers when `count` matching requests have arrived in any process on this data file. */
async function awaitRequests(parts: Parts, wanted: z.output<typeof awaitQuery>): Promise<SandboxResponse> {
  const pollMs = 10;
  const endMs = performance.now() + wanted.timeoutMs;
  const found: JournalEntry[] = [];
  let seq = wanted.since;
  let arrived = 0;
  while (true) {
    const fresh = parts.journal.requestsAfter(seq, 1_000);
    seq = fresh.at(-1)?.seq ?? seq;
    for (const entry of fresh) {
      if (wanted.method !== undefined && wanted.method !== entry.method) continue;
      if (wanted.path !== undefined && !pathMatches(wanted.path, entry.path)) continue;
      arrived += 1;
      found.push(entry);
    }
    if (found.length > 1_000) found.splice(0, found.length - 1_000);
    if (arrived >= wanted.count) return jsonResponse(200, { arrived, requests: found });
    if (performance.now() >= endMs) {
      return failure(408, `${arrived} of ${wanted.count} requests arrived within ${wanted.timeoutMs} ms.`);
    }
    if (fresh.length > 0) continue;
    try {
      await sleep(pollMs, undefined, { signal: parts.closing });
    } catch {
      return { kind: 'drop' };
    }
  }
}

/** Returns the page behind `hosted_invoice_url`. */
function invoicePage(parts: Parts, id: string): SandboxResponse {
  const account = parts.db
    .prepareColumn<[string], string>("SELECT account FROM objects WHERE id = ? AND kind = 'invoices'")
    .get(id);
  const call = account === undefined ? undefined : callFor(parts, account);
  const invoice = call?.objects.find(invoices, id);
  if (call === undefined || invoice === undefined || invoice.finalizedAt === null) {
    return failure(404, 'There is no such invoice, or it is a draft: a draft has no page.');
  }
  const { number, status, currency } = invoice;
  const { total } = totalsOf(invoice, linesOf(call, invoice));
  const text = `Invoice ${number} (${id})\nStatus: ${status}\nTotal: ${total} ${currency}, in minor units\n\n${notice}\n`;
  return { kind: 'answer', status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, bodyText: text };
}

function callFor(parts: Parts, account: string): Call {
  return makeCall(parts, { account, livemode: false, requestId: '', key: undefined });
}

function misbehaving<S extends z.ZodType>(
  parts: Parts,
  request: ReceivedRequest,
  schema: S,
  act: (body: z.output<S>) => SandboxResponse,
): SandboxResponse {
  if (!parts.mayMisbehave) {
    return failure(
      403,
      'This sandbox was started without faults: start it with faults allowed to set faults or the clock.',
    );
  }
  let body: unknown;
  try {
    body = request.bodyText === '' ? {} : JSON.parse(request.bodyText);
  } catch {
    return failure(400, 'The body is not JSON.');
  }
  return checked(schema, body, act);
}

function checked<S extends z.ZodType>(
  schema: S,
  value: unknown,
  act: (value: z.output<S>) => SandboxResponse,
): SandboxResponse {
  const parsed = schema.safeParse(value);
  return parsed.success ? act(parsed.data) : failure(400, z.prettifyError(parsed.error));
}

async function checkedAsync<S extends z.ZodType>(
  schema: S,
  value: unknown,
  act: (value: z.output<S>) => Promise<SandboxResponse>,
): Promise<SandboxResponse> {
  const parsed = schema.safeParse(value);
  return parsed.success ? act(parsed.data) : failure(400, z.prettifyError(parsed.error));
}

function failure(status: number, message: string): SandboxResponse {
  return jsonResponse(status, { error: { message } });
}
