// Streamable HTTP on one side, a process's stdin and stdout on the other, and every JSON-RPC message passed on
// as it is: what the conformance suite, which speaks HTTP only, is pointed at. Used alike for a server and for
// a server behind `mcp-once wrap`, so that a difference between the two is not its own.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';

/** How many sessions' processes run at once where nobody closes them: the suite is done with the older ones. */
const liveMax = 2;
/** How long a process may take to end after its stdin, in ms. */
const endMs = 6_000;
/** How soon a client should come back for a stream that was closed, in ms. */
const retryInterval = 500;

/**
 * @param {{ command: string, args: string[], env: Record<string, string>, cwd?: string }} child started once a session
 * @param {{ endsOld?: boolean }} options `endsOld`: ends the process of a session when two newer ones have begun and
 *   all that it was asked is answered (default); else only when its client has closed it
 * @returns what listens on 127.0.0.1: `url`, `sessions` (what each process has said, in order), and `close`
 */
export async function startBridge(child, { endsOld = true } = {}) {
  // The next session's process comes up while this one's is in use.
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
  /** What the process has said: each message, and the one request that was in flight, if there was one. */
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
    // What a server does that speaks HTTP itself (SEP-1699): the tool has its stream closed.
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
    // On stdio nothing says which request it belongs to; the suite has one at a time that is told of things.
    const related = 'method' in message && asked.length > 0 ? { relatedRequestId: asked[0] } : {};
    // What belongs to a stream that was closed is kept, and cannot be sent: a client comes back for it.
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
 * Keeps a session's events, so that a client can come back for those of a stream that was closed. They are numbered
 * within their stream: which of two streams is written to first is chance.
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
