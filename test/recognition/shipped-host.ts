import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';
import { startSandbox } from '../../sandbox/start.ts';
import { createApp } from '../../src/app.ts';
import {
  type CountedUpstream,
  configIn,
  type Host,
  type HostOptions,
  hostFolder,
  openStdio,
  type SeenEffect,
  silent,
} from './hosts.ts';

/** The action at the sandbox that counts as the effect of a tool. */
const actions: Readonly<Record<string, string>> = {
  'invoice.created': 'create_invoice',
  'charge.succeeded': 'create_payment',
  'customer.created': 'create_customer',
};

interface SandboxEffects {
  readonly effects: readonly { readonly action: string; readonly object: string }[];
}

/** A mail server. A message takes effect when the server has received all of it. */
async function startMail() {
  const received: string[] = [];
  const state: { holds: boolean; held: (() => void)[]; arrived: () => void } = {
    holds: false,
    held: [],
    arrived: () => undefined,
  };
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS', 'AUTH'],
    logger: false,
    closeTimeout: 10,
    onData(stream, _session, callback) {
      void text(stream).then((message) => {
        received.push(/^Message-ID: <(.*)>$/im.exec(message)?.[1] ?? '');
        if (!state.holds) return void callback();
        state.holds = false;
        state.held.push(() => callback());
        state.arrived();
      });
    },
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `smtp://127.0.0.1:${(server.server.address() as AddressInfo).port}`;
  return { url, received, state, close: () => new Promise<void>((resolve) => server.close(() => resolve())) };
}

/** Serves the shipped tools on the sandbox and a mail server. */
export async function startShipped({ guarded }: HostOptions): Promise<Host> {
  const sandbox = await startSandbox({ port: 0, dataFile: ':memory:', faults: true });
  const mail = await startMail();
  const folder = hostFolder();
  const off = { hostKeys: false, tools: { '*': { class: 'off' } } };
  const config = await configIn(folder.path, { store: 'memory:', ...(guarded ? {} : off) });
  const environment = { STRIPE_SECRET_KEY: 'sk_test_sandbox', STRIPE_API_BASE: sandbox.url, SMTP_URL: mail.url };
  const app = await createApp(config, { environment, log: silent });
  const control = async <T>(method: string, path: string, body?: object): Promise<T> => {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
    return (await fetch(`${sandbox.url}/_sandbox/${path}`, init)).json() as Promise<T>;
  };
  const effects = async (): Promise<SeenEffect[]> => {
    const { effects: all } = await control<SandboxEffects>('GET', 'effects?rows=10000');
    const made: SeenEffect[] = [];
    let ids: string[] = [];
    for (const { action, object } of all) {
      const tool = actions[action];
      ids.push(object);
      if (tool === undefined) continue;
      made.push({ tool, ids });
      ids = [];
    }
    return [...made, ...mail.received.map((id) => ({ tool: 'send_email', ids: [id] }))];
  };
  let held: Promise<unknown> = Promise.resolve();
  const upstream: CountedUpstream = {
    effects,
    fault: async (fault) => {
      if (fault !== 'lose_answer') return;
      await control('POST', 'faults', { fault: 'hang', when: 'after_effect', match: { method: 'POST' } });
      const { requests } = await control<{ requests: readonly { seq: number }[] }>('GET', 'effects?rows=10000');
      const since = requests.at(-1)?.seq ?? 0;
      const atMail = new Promise<void>((resolve) => {
        mail.state.holds = true;
        mail.state.arrived = resolve;
      });
      held = Promise.race([control('GET', `await?path=/v1&method=POST&since=${since}&count=1`), atMail]);
    },
    held: async () => void (await held),
    release: async () => {
      mail.state.holds = false;
      for (const open of mail.state.held.splice(0)) open();
      await control('DELETE', 'faults');
      await control('POST', 'release', {});
    },
    calm: async () => undefined,
  };
  return {
    origin: 'shipped',
    upstream,
    open: (caller) => openStdio(app, caller),
    close: async () => {
      await app.close();
      await mail.close();
      await sandbox.close();
      folder.remove();
    },
  };
}
