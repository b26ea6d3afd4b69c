import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Changes the replies that a client gets: receives one whole reply, returns the bytes to deliver in its place. */
export type ChangeReply = (reply: Buffer) => readonly Buffer[];

/** A TCP proxy in front of Redis that can give a client the reply of another command, as broken client libraries did. */
export interface ReplyProxy {
  readonly url: string;
  /** How many connections clients have opened so far. */
  readonly connections: number;
  /** Changes the replies of the connections that are open now. New connections stay honest. */
  change(change: ChangeReply): void;
  close(): Promise<void>;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  change: ChangeReply | undefined;
}

export async function startReplyProxy(redisPort: number): Promise<ReplyProxy> {
  const pairs = new Set<Pair>();
  let connections = 0;
  const listener = createServer((client) => {
    connections += 1;
    const server = connect(redisPort, '127.0.0.1');
    const pair: Pair = { client, server, change: undefined };
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) socket.on('close', end).on('error', end);
    client.on('data', (bytes) => server.write(bytes));
    let rest: Buffer = Buffer.alloc(0);
    server.on('data', (bytes: Buffer) => {
      rest = Buffer.concat([rest, bytes]);
      const out: Buffer[] = [];
      for (let length = replyLength(rest); length !== undefined; length = replyLength(rest)) {
        const reply = rest.subarray(0, length);
        rest = rest.subarray(length);
        out.push(...(pair.change?.(reply) ?? [reply]));
      }
      if (out.length > 0) client.write(Buffer.concat(out));
    });
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    url: `redis://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    get connections() {
      return connections;
    },
    change: (change) => {
      for (const pair of pairs) pair.change = change;
    },
    async close() {
      for (const { client, server } of pairs) {
        client.destroy();
        server.destroy();
      }
      listener.close();
      await once(listener, 'close');
    },
  };
}

/** Delivers a surplus reply first. From then on each command gets the reply of the one before it. */
export function shiftedBy(surplus: string): ChangeReply {
  let first = true;
  return (reply) => {
    if (!first) return [reply];
    first = false;
    return [Buffer.from(surplus), reply];
  };
}

/** Delivers each second reply before the one that it follows. */
export function swappedPairs(): ChangeReply {
  let held: Buffer | undefined;
  return (reply) => {
    if (held === undefined) {
      held = Buffer.from(reply);
      return [];
    }
    const both = [Buffer.from(reply), held];
    held = undefined;
    return both;
  };
}

/** Delivers another reply in place of the next one. */
export function replacedBy(replacement: string): ChangeReply {
  let first = true;
  return (reply) => {
    if (!first) return [reply];
    first = false;
    return [Buffer.from(replacement)];
  };
}

/** Returns the length of the first whole reply (RESP 2), in bytes; undefined if more has to arrive. */
function replyLength(bytes: Buffer, from = 0): number | undefined {
  const lineEnd = bytes.indexOf('\r\n', from);
  if (lineEnd === -1) return undefined;
  const size = Number(bytes.toString('latin1', from + 1, lineEnd));
  let end = lineEnd + 2;
  switch (bytes[from]) {
    case 0x24: // $: a text of `size` bytes, or null
      end += size < 0 ? 0 : size + 2;
      break;
    case 0x2a: // *: a list of `size` replies
      for (let n = 0; n < size; n += 1) {
        const next = replyLength(bytes, end);
        if (next === undefined) return undefined;
        end = next;
      }
      break;
  }
  return end <= bytes.length ? end : undefined;
}
