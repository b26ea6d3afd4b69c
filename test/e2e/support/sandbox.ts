import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { FaultRule } from '../../../sandbox/start.ts';
import { program } from '../../support/program.ts';
import { type ProgramProcess, startProgram } from '../../support/program-here.ts';

/** A request in the sandbox's journal. */
export interface JournalRequest {
  readonly seq: number;
  readonly method: string;
  readonly path: string;
  readonly idempotency_key: string | null;
  readonly outcome: string;
  readonly status: number | null;
  readonly replayed: boolean;
}

interface JournalEffect {
  readonly action: string;
  readonly account: string;
  readonly object: string;
  readonly idempotency_key: string | null;
}

interface Shown {
  readonly id: string;
  readonly description: string | null;
  readonly customer?: string | null;
  readonly metadata: Readonly<Record<string, string>>;
}

interface Effects {
  readonly actions: Readonly<Record<string, number>>;
  readonly rows: Readonly<Record<string, readonly Shown[]>>;
  readonly effects: readonly JournalEffect[];
  readonly requests: readonly JournalRequest[];
}

/**
 * The sandbox as an upstream that many servers share, apart from all of them. Its journal counts requests and effects.
 */
export class SandboxProcess {
  readonly url: string;
  readonly #child: ProgramProcess;
  readonly #exited: Promise<unknown>;

  private constructor(child: ProgramProcess, url: string, exited: Promise<unknown>) {
    this.#child = child;
    this.url = url;
    this.#exited = exited;
  }

  static async start(dataFile: string, environment: Record<string, string>): Promise<SandboxProcess> {
    const args = [program, 'sandbox', '--port', '0', '--data', dataFile, '--faults'];
    const child = startProgram(args, environment);
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const failed = exited.then(() => Promise.reject(new Error(`the sandbox did not start: ${stderr}`)));
    failed.catch(() => undefined);
    const [url] = (await Promise.race([once(createInterface({ input: child.stdout }), 'line'), failed])) as [string];
    return new SandboxProcess(child, url, exited);
  }

  effects(): Promise<Effects> {
    return this.#control<Effects>('GET', 'effects?rows=10000');
  }

  /** Returns how often an action such as `invoice.created` took effect, in all accounts. */
  async count(action: string): Promise<number> {
    return (await this.effects()).actions[action] ?? 0;
  }

  /** Returns the objects of a kind (`invoices`, `payment_intents`) with a description, in all accounts. */
  async described(kind: string, description: string): Promise<string[]> {
    const { rows } = await this.effects();
    return (rows[kind] ?? []).filter((row) => row.description === description).map(({ id }) => id);
  }

  /** The invoices of a customer. */
  async invoicesOf(customer: string): Promise<Shown[]> {
    return ((await this.effects()).rows.invoices ?? []).filter((row) => row.customer === customer);
  }

  /** Returns the effects on one object, in order. */
  async effectsOn(object: string): Promise<string[]> {
    return (await this.effects()).effects.filter((each) => each.object === object).map(({ action }) => action);
  }

  /** Returns the requests with a method and path after request number `since`, in order of arrival. */
  async requests(method: string, path: RegExp, afterSeq = 0): Promise<JournalRequest[]> {
    const { requests } = await this.effects();
    return requests.filter((each) => each.seq > afterSeq && each.method === method && path.test(each.path));
  }

  /** Returns the number of the newest request. */
  async newest(): Promise<number> {
    return (await this.effects()).requests.at(-1)?.seq ?? 0;
  }

  /** Resolves when `count` further requests to a path have arrived. */
  async arrival(path: string, since: number, count = 1): Promise<void> {
    await this.#control('GET', `await?path=${encodeURIComponent(path)}&since=${since}&count=${count}`);
  }

  /** @returns the rule's id. */
  async fault(rule: FaultRule): Promise<string> {
    return (await this.#control<{ id: string }>('POST', 'faults', rule)).id;
  }

  async clearFaults(): Promise<void> {
    await this.#control('DELETE', 'faults');
    await this.release();
  }

  /** Releases the requests that one rule, or any rule, holds. @returns how many. */
  async release(id?: string): Promise<number> {
    return (await this.#control<{ released: number }>('POST', 'release', id === undefined ? {} : { id })).released;
  }

  /** Creates a customer with a separate request. @returns its id. */
  async customer(apiKey: string): Promise<string> {
    const response = await fetch(`${this.url}/v1/customers`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/x-www-form-urlencoded' },
      body: 'name=Ada',
    });
    return ((await response.json()) as { id: string }).id;
  }

  async end(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  async #control<T>(method: string, path: string, body?: unknown): Promise<T> {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(`${this.url}/_sandbox/${path}`, { method, ...sent });
    const text = await response.text();
    if (!response.ok) throw new Error(`the sandbox answered ${response.status} to ${method} ${path}: ${text}`);
    return JSON.parse(text) as T;
  }
}
