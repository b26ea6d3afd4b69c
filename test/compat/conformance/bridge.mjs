// Bridges Streamable HTTP to the stdin and stdout of a process, and passes every JSON-RPC message on unchanged. The
// conformance suite speaks HTTP only. The server and the server behind `mcp-once wrap` run behind the same bridge, so
// the bridge cannot cause a difference between them.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';

/** How many processes of unclosed sessions run at once. The suite no longer uses the older ones. */
const liveMax = 2;
/** How long a process may take to exit after its stdin ended, in ms. */
const endMs = 6_000;
/** After how long a client should reconnect to a closed stream, in ms. */
const retryInterval = 500;

/**
 * @param {{ command: string, args: string[], env: Record<string, string>, cwd?: string }} child the command that starts a process for each session
 * @param {{ endsOld?: boolean }} options `endsOld`: ends the process of a session when two newer sessions have begun and
 *   all its requests are answered (default). Otherwise the process ends only when its client closes the session.
 * @returns the bridge on 127.0.0.1: `url`, `sessions` (the messages of each process, in order), and `close`
 */
export async function startBridge(child, { endsOld = true } = {}) {
  // The process of the next session starts while this session is in use.
  let spare = started(child);
  const take = () => {
    const taken = spare;
    spare = started(child);
    return taken;
  };
  /** @type {Session[]} */
  const sessions = [];
  const byId = new Map();
  const http = createServer((request, response) => {
    handle(request, response).catch((error) => {
      process.stderr.write(`bridge: ${error}\n`);
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  const handle = async (request, response) => {
    const id = request.headers['mcp-session-id'];
    const session = id === undefined ? undefined : byId.get(id);
    if (id !== undefined && !session) return void response.writeHead(404).end();
    if (session) return session.transport.handleRequest(request, response);
    const opened = new Session(take, `127.0.0.1:${http.address().port}`, (sessionId) => {
      byId.set(sessionId, opened);
      sessions.push(opened);
      if (endsOld) for (const old of sessions.slice(0, -liveMax)) void old.idle().then(() => old.end());
    });
    await opened.start();
    return opened.transport.handleRequest(request, response);
  };
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    url: `http://127.0.0.1:${http.address().port}/mcp`,
    sessions,
    async close() {
      const late = pause(endMs, undefined, { ref: false });
      const over = sessions.map((session) => Promise.race([session.idle(), late]).then(() => session.end()));
      await Promise.all([...over, ended(spare)]);
      http.closeAllConnections();
      http.close();
    },
  };
}

class Session {
  /** The messages of the process, each with the request that was in flight, if there was exactly one. */
  said = [];
  #take;
  #child;
  #ended;
  #inFlight = new Map();
  #waiting = [];

  constructor(take, host, opened) {
    this.#take = take;
    this.transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      eventStore: eventStore(),
      retryInterval,
      enableDnsRebindingProtection: true,
      allowedHosts: [host],
      onsessioninitialized: opened,
    });
    this.transport.onmessage = (message) => this.#fromClient(message);
    this.transport.onclose = () => void this.end();
  }

  start() {
    return this.transport.start();
  }

  #fromClient(message) {
    this.#child ??= this.#begin();
    this.#child.stdin.write(`${JSON.stringify(message)}\n`);
    if (!('method' in message && 'id' in message)) return;
    this.#inFlight.set(message.id, message);
    // A server that speaks HTTP itself does the same (SEP-1699): the tool asks it to close the stream.
    if (message.params?.name === 'test_reconnection') this.transport.closeSSEStream(message.id);
  }

  #begin() {
    const child = this.#take();
    createInterface({ input: child.stdout }).on('line', (line) => this.#fromServer(JSON.parse(line)));
    return child;
  }

  #fromServer(message) {
    const asked = [...this.#inFlight.keys()];
    this.said.push({ message, during: asked.length === 1 ? asked[0] : undefined });
    if (!('method' in message)) this.#inFlight.delete(message.id);
    // On stdio a notification does not name its request. The suite has at most one such request at a time.
    const related = 'method' in message && asked.length > 0 ? { relatedRequestId: asked[0] } : {};
    // A message of a closed stream is stored and not sent. The client reconnects for it.
    this.transport.send(message, related).catch(() => {});
    this.#tellIdle();
  }

  /** Resolves when every request has its answer. */
  idle() {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#tellIdle();
    });
  }

  #tellIdle() {
    if (this.#inFlight.size > 0) return;
    for (const tell of this.#waiting.splice(0)) tell();
  }

  end() {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  async #end() {
    if (this.#child) await ended(this.#child);
    await this.transport.close();
  }
}

function started({ command, args, env, cwd }) {
  const child = spawn(command, args, { env, cwd, stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.on('error', () => {});
  return child;
}

async function ended(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  const late = setTimeout(() => child.kill('SIGKILL'), endMs);
  child.stdin.end();
  await exited;
  clearTimeout(late);
}

/**
 * Stores the events of a session, so that a client can resume a closed stream. Events are numbered within their stream,
 * because the order of writes to two streams is not deterministic.
 */
function eventStore() {
  const streams = new Map();
  return {
    async storeEvent(streamId, message) {
      const events = streams.get(streamId) ?? [];
      streams.set(streamId, events);
      events.push(message);
      return `${streamId}/${events.length}`;
    },
    async replayEventsAfter(lastEventId, { send }) {
      const [streamId = '', last] = lastEventId.split('/');
      const events = streams.get(streamId) ?? [];
      for (let index = Number(last); index < events.length; index += 1) {
        const isPriming = Object.keys(events[index]).length === 0;
        if (!isPriming) await send(`${streamId}/${index + 1}`, events[index]);
      }
      return streamId;
    },
  };
}
