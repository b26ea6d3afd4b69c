import { spawn } from 'node:child_process';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { onTestFinished } from 'vitest';
import { baseEnvironment } from './wrap.ts';

/** Starts a server's process that listens on PORT, and ends it with the test. */
export async function listening(args: readonly string[], port?: number) {
  const chosen = port ?? (await freePort());
  const child = spawn(process.execPath, [...args], {
    env: { ...baseEnvironment, PORT: String(chosen) },
    stdio: 'ignore',
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  onTestFinished(kill);
  while (!(await answers(chosen))) await new Promise((resolve) => setTimeout(resolve, 20));
  return { port: chosen, origin: `http://127.0.0.1:${chosen}`, kill };
}

/** Starts an HTTP server in this process, and closes it with the test. */
export async function serving(listener: RequestListener) {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
