// A process of its own on a store: does what its parent asks over IPC, with the built product.
import { openStore } from '../../dist/src/core/ledger/stores/open.js';

let store;
const minute = 60_000;

const actions = {
  /** Claims every key, so many at once. Returns the keys that it won. */
  async claim({ keys, concurrency }) {
    const won = [];
    const left = [...keys];
    const worker = async () => {
      for (let key = left.shift(); key !== undefined; key = left.shift()) {
        const value = JSON.stringify({ value: { pid: process.pid, filling: 'x'.repeat(500) } });
        if ((await store.putIfAbsent(key, value, minute)) === undefined) won.push(key);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
    return { won };
  },
  async watch({ key }) {
    await store.watch(key, () => process.send({ heard: key }));
    return {};
  },
  /** Replaces without end, reporting each answer, until it is killed. */
  async count({ key }) {
    const bytes = (count) => JSON.stringify({ value: { count } });
    await store.putIfAbsent(key, bytes(0), minute);
    for (let count = 0; ; count += 1) {
      if (!(await store.compareAndSet(key, bytes(count), bytes(count + 1), minute))) throw new Error('lost');
      process.send({ counted: count + 1 });
    }
  },
};

process.on('message', async ({ id, action, ...parameters }) => {
  try {
    process.send({ id, result: await actions[action](parameters) });
  } catch (error) {
    process.send({ id, error: String(error) });
  }
});
// The bundle of the tests holds this file as CommonJS, which cannot wait here.
void openStore(process.argv[2]).then((opened) => {
  store = opened;
  process.send({ ready: true });
});
