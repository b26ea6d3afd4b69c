import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { createApp, sections } from '../../src/app.ts';
import type { App } from '../../src/command/program.ts';
import { type Config, loadConfig } from '../../src/config/config.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createLog } from '../../src/core/observe/log.ts';
import { SessionMemory } from '../../src/core/recognition/session.ts';
import { createCatalog } from '../../src/core/tool/catalog.ts';
import { defineTool } from '../../src/core/tool/define-tool.ts';
import { defineClient, z } from '../../src/index.ts';
import { Deliveries } from '../../src/server/deliveries.ts';
import { createServer2025 } from '../../src/server/server-2025.ts';
import { StdioTransport } from '../../src/server/stdio.ts';
import { connectRevisions } from '../../src/server/stdio-revisions.ts';
import { guardsFor } from '../../src/wrap/configured-servers.ts';
import type { Relay, WrappedServer } from '../../src/wrap/relay/relay.ts';
import { commandServer, urlServer } from '../../src/wrap/relay/servers.ts';
import { createSingleServerRelay } from '../../src/wrap/relay/single-server-relay.ts';
import { LineClient } from './lines.ts';
import { inputSchemaOf, Office, type OfficeTool, officeTools } from './office.ts';
import { callOffice, OfficeError } from './office-call.ts';
import { answerAsServer, type ServedTool } from './office-mcp.ts';
import type { CallFault, OriginName } from './trace.ts';

/** An effect at an upstream, with the ids of all that it made. */
export interface SeenEffect {
  readonly tool: string;
  readonly ids: readonly string[];
}

/** Where the effects of a host happen. They are counted here, and nowhere else. */
export interface CountedUpstream {
  effects(): Promise<readonly SeenEffect[]>;
  /** Prepares the fault of the next request. */
  fault(fault: CallFault): Promise<void>;
  /** Resolves when the request with the prepared fault is held. */
  held(): Promise<void>;
  release(): Promise<void>;
  calm(): Promise<void>;
}

/** One client's connection to a server. */
export interface HostSession {
  call(
    tool: string,
    args: Readonly<Record<string, unknown>>,
    meta?: Readonly<Record<string, unknown>>,
    left?: Promise<void>,
  ): Promise<CallToolResult | undefined>;
  end(): Promise<void>;
}

/** Serves the tools of one origin. All its sessions share one ledger. */
export interface Host {
  readonly origin: OriginName;
  readonly upstream: CountedUpstream;
  open(caller: 'a' | 'b'): Promise<HostSession>;
  /** Kills the server's process, where it has one. */
  kill?(): Promise<void>;
  close(): Promise<void>;
}

export interface HostOptions {
  /** False for the control. */
  readonly guarded: boolean;
}

export const silent = createLog({ level: 'silent' });

/** Makes an upstream of the office. */
export async function countedOffice(): Promise<{ readonly office: Office; readonly upstream: CountedUpstream }> {
  const office = await Office.open();
  let heldAt = 0;
  const upstream: CountedUpstream = {
    effects: async () => office.effects,
    fault: async (fault) => {
      heldAt = office.arrivals + 1;
      if (fault === 'none') return;
      office.next(fault === 'lose_answer' || fault === 'kill' ? 'hold' : fault);
    },
    held: () => office.arrived(heldAt),
    release: async () => office.release(),
    calm: async () => office.calm(),
  };
  return { office, upstream };
}

export function hostFolder() {
  const path = mkdtempSync(join(tmpdir(), 'mcp-once-corpus-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 3 }) };
}

/** Reads a configuration as the program does. */
export async function configIn(folder: string, members: object): Promise<Config> {
  const file = join(folder, 'config.json');
  writeFileSync(file, JSON.stringify(members));
  return loadConfig({ sections, environment: {}, overrides: { config: file, logLevel: 'silent' } });
}

const off = { hostKeys: false, tools: { '*': { class: 'off' } } };

/** Opens a session of an app over stdio, in this process. */
export async function openStdio(app: App, caller: 'a' | 'b'): Promise<HostSession> {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const transport = new StdioTransport({ input, output });
  const deliveries = new Deliveries(new SessionMemory(systemClock));
  const { catalog, handle, instructions } = app;
  const scope = caller === 'a' ? app.scope : { ...app.scope, subject: 'other' };
  const service = { name: 'corpus', version: '1', catalog, handle, instructions, log: silent };
  const server = createServer2025({ ...service, scope, deliveries });
  await connectRevisions(transport, {
    connect2025: (side) => server.connect(side),
    connect2026: () => Promise.reject(new Error('no such client')),
    deliveries,
    onFault: () => undefined,
  });
  const client = new LineClient(output, input);
  await client.initialize();
  return {
    call: (...call) => client.call(...call),
    end: async () => {
      client.end();
      await server.close();
    },
  };
}

const output = z.object({ id: z.string() });

function ownTool(url: string, tool: OfficeTool, guarded: boolean) {
  const office = defineClient({
    name: 'office',
    env: z.object({}),
    open: () => url,
    upstream: () => ({ origin: url, mode: 'test', account: 'a' }),
    classify: (error) => {
      if (!(error instanceof OfficeError)) return undefined;
      return error.status < 500 ? 'not_executed' : 'unknown';
    },
  });
  const { resource, shape, effect } = tool;
  return defineTool({
    name: tool.name,
    title: tool.name,
    description: tool.name.replaceAll('_', ' '),
    effect,
    class: guarded ? tool.class : 'off',
    input: shape,
    output,
    client: office,
    ...(guarded && resource !== undefined && tool.class === 'state'
      ? { resource: (input: Record<string, unknown>) => ({ [resource]: input[resource] }) }
      : {}),
    run: async (input, { step, client }) => step('send', () => callOffice(String(client), tool, input)),
  });
}

export async function startOwn({ guarded }: HostOptions): Promise<Host> {
  const { office, upstream } = await countedOffice();
  const folder = hostFolder();
  const config = await configIn(folder.path, { store: 'memory:', ...(guarded ? {} : { hostKeys: false }) });
  const catalog = createCatalog(officeTools.map((tool) => ownTool(office.url, tool, guarded)));
  const app = await createApp(config, { environment: {}, log: silent, catalog });
  return hostOf('own', app, upstream, async () => {
    await office.close();
    folder.remove();
  });
}

function hostOf(origin: OriginName, app: App, upstream: CountedUpstream, closed: () => Promise<void>): Host {
  return {
    origin,
    upstream,
    open: (caller) => openStdio(app, caller),
    close: async () => {
      await app.close();
      await closed();
    },
  };
}

/** Describes the office as an OpenAPI document. Two of its operations take an idempotency key. */
export function officeDocument(url: string): object {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const tool of officeTools) {
    const { properties, required, ...rest } = inputSchemaOf(tool) as {
      properties: Record<string, unknown>;
      required?: string[];
    };
    const inPath = [...tool.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '');
    const body = Object.fromEntries(Object.entries(properties).filter(([name]) => !inPath.includes(name)));
    const schema = {
      ...rest,
      properties: body,
      required: (required ?? []).filter((name) => !inPath.includes(name)),
    };
    const hasKey = tool.name === 'pay_bill' || tool.name === 'create_task';
    const key = { name: 'Idempotency-Key', in: 'header', schema: { type: 'string' } };
    paths[tool.path] = {
      ...paths[tool.path],
      [tool.method.toLowerCase()]: {
        operationId: tool.name,
        summary: tool.name.replaceAll('_', ' '),
        parameters: [
          ...inPath.map((name) => ({ name, in: 'path', required: true, schema: properties[name] })),
          ...(hasKey ? [key] : []),
        ],
        ...(Object.keys(body).length === 0
          ? {}
          : { requestBody: { required: true, content: { 'application/json': { schema } } } }),
        responses: {
          201: {
            description: 'made',
            content: {
              'application/json': {
                schema: { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] },
              },
            },
          },
        },
        ...(tool.class === 'repeatable' || tool.class === 'off' ? { 'x-mcp-once': { class: tool.class } } : {}),
      },
    };
  }
  return { openapi: '3.1.0', info: { title: 'Office', version: '1' }, servers: [{ url }], paths };
}

/** Writes the configuration of the office as an API. */
export function apiConfig(folder: string, url: string, store: string, guarded: boolean): object {
  const document = join(folder, 'office.json');
  writeFileSync(document, JSON.stringify(officeDocument(url)));
  const classes = Object.fromEntries(
    officeTools
      .filter((tool) => tool.class === 'repeatable' || tool.class === 'off')
      .map((tool) => [tool.name, { class: tool.class }]),
  );
  const api = { document, allowPrivate: true, operations: classes };
  return { store, bundledTools: false, openapi: [api], ...(guarded ? {} : off) };
}

export async function startOpenApi({ guarded }: HostOptions): Promise<Host> {
  const { office, upstream } = await countedOffice();
  const folder = hostFolder();
  const config = await configIn(folder.path, apiConfig(folder.path, office.url, 'memory:', guarded));
  const app = await createApp(config, { environment: {}, log: silent });
  return hostOf('openapi', app, upstream, async () => {
    await office.close();
    folder.remove();
  });
}

const officeProcess = fileURLToPath(new URL('../../dist/test/recognition/office-process.js', import.meta.url));
const compiled = fileURLToPath(new URL('./office-process.js', import.meta.url));

const servedTools: readonly ServedTool[] = officeTools.map((tool) => ({
  method: tool.method,
  path: tool.path,
  listed: {
    name: tool.name,
    description: tool.name.replaceAll('_', ' '),
    inputSchema: inputSchemaOf(tool),
    outputSchema: { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] },
  },
}));

/** Wraps the office's MCP server, which runs as a process or listens on a port. */
export async function startWrapped(kind: 'stdio' | 'HTTP', { guarded }: HostOptions): Promise<Host> {
  const { office, upstream } = await countedOffice();
  const folder = hostFolder();
  const rules = guarded ? { note_visit: { class: 'off' } } : { '*': { class: 'off' } };
  const config = await configIn(folder.path, {
    store: `sqlite:${join(folder.path, 'ledger.sqlite')}`,
    wrap: { tools: rules },
    ...(guarded ? {} : { hostKeys: false }),
  });
  const mcp = kind === 'HTTP' ? await listenAsServer(office.url) : undefined;
  const list = join(folder.path, 'tools.json');
  writeFileSync(list, JSON.stringify(servedTools));
  const script = import.meta.url.endsWith('.ts') ? officeProcess : compiled;
  const server: WrappedServer = mcp
    ? await urlServer({ id: 'office', url: mcp.url, headers: {}, logins: folder.path, warn: () => undefined })
    : commandServer({
        id: 'office',
        command: process.execPath,
        args: [script],
        env: { PATH: process.env.PATH ?? '', OFFICE_URL: office.url, OFFICE_TOOLS: list },
        cwd: folder.path,
      });
  const open = async (): Promise<HostSession> => {
    const [input, toClient] = [new PassThrough(), new PassThrough()];
    let app: App | undefined;
    const relay: Relay = createSingleServerRelay(server, {
      transport: new StdioTransport({ input, output: toClient }),
      guard: guardsFor(config, [server], () => undefined),
      handle: (call) => (app as App).handle(call),
      scope: () => (app as App).scope,
      clock: systemClock,
      log: silent,
      initializeMs: 30_000,
      onFailed: () => undefined,
    });
    app = await createApp(config, { environment: {}, log: silent, catalog: relay.catalog });
    const opened = app;
    await relay.start();
    const client = new LineClient(toClient, input);
    await client.initialize();
    return {
      call: (...call) => client.call(...call),
      end: async () => {
        client.end();
        await opened.drain(5_000);
        await relay.close();
      },
    };
  };
  return {
    origin: kind === 'HTTP' ? 'wrapped HTTP' : 'wrapped stdio',
    upstream,
    open,
    close: async () => {
      await office.close();
      mcp?.close();
      folder.remove();
    },
  };
}

async function listenAsServer(officeUrl: string) {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.method !== 'POST') return void response.writeHead(405).end();
      void answerAsServer(officeUrl, servedTools, JSON.parse(Buffer.concat(chunks).toString())).then((answer) => {
        if (answer === undefined) response.writeHead(202).end();
        else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
