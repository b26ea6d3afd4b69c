import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { bundledFile } from './program.ts';

const childScript = bundledFile('test/support/store-child.mjs');

export interface StoreProcess {
  readonly child: ChildProcess;
  claim(keys: readonly string[], concurrency: number): Promise<{ won: string[] }>;
  /** Watches a key. @returns a promise of the first wake, once the watch is active */
  watch(key: string): Promise<{ readonly heard: Promise<void> }>;
  /** Starts to count in an entry and reports every acknowledged count. */
  count(key: string, counted: (count: number) => void): void;
  kill(): Promise<void>;
}

/** Starts another process with the same store, from the built product. It is killed when the test ends. */
export async function startStoreProcess(url: string): Promise<StoreProcess> {
  const child = fork(childScript, [url], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const exited = once(child, 'exit');
  const kill = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  onTestFinished(kill);
  await Promise.race([
    once(child, 'message'),
    exited.then(() => Promise.reject(new Error('the process ended at its start'))),
  ]);
  let nextId = 0;
  const ask = (action: string, parameters: object): Promise<unknown> => {
    const id = nextId++;
    return new Promise((resolve, reject) => {
      const answered = (message: { id?: number; result?: unknown; error?: string }) => {
        if (message.id !== id) return;
        child.off('message', answered);
        if (message.error === undefined) resolve(message.result);
        else reject(new Error(message.error));
      };
      child.on('message', answered);
      child.send({ id, action, ...parameters });
    });
  };
  return {
    child,
    kill,
    claim: (keys, concurrency) => ask('claim', { keys, concurrency }) as Promise<{ won: string[] }>,
    async watch(key) {
      const heard = new Promise<void>((resolve) => {
        child.on('message', (message: { heard?: string }) => {
          if (message.heard === key) resolve();
        });
      });
      await ask('watch', { key });
      return { heard };
    },
    count(key, counted) {
      child.on('message', (message: { counted?: number }) => {
        if (message.counted !== undefined) counted(message.counted);
      });
      ask('count', { key }).catch(() => undefined);
    },
  };
}
