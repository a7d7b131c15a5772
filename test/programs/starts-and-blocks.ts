/**
 * Starts processes and blocks its thread at once, before any fork server is there: `<method> <how many> [module to preload]`.
 * Tells what came through the queue meanwhile, and by which methods it can start afterwards.
 */
import { getAllStartMethods, getContext, Queue, setForkserverPreload, type StartMethod } from "#src/index.js";

const [method, count, preload] = process.argv.slice(2);
if (preload !== undefined) setForkserverPreload([preload]);
const { Process } = getContext(method === "default" ? undefined : (method as StartMethod));
const queue = new Queue<number>();
const children = Array.from(
  { length: Number(count) },
  (_, n) => new Process({ target: (to: Queue<number>, item: number) => to.putSync(item), args: [queue, n] }),
);
const starts = children.map((child) => child.start());
const got = children.map(() => queue.getSync({ timeoutMs: 60_000 }));
console.log(`got ${got.sort((a, b) => a - b).join()}`);
await Promise.all(starts);
await Promise.all(children.map((child) => child.join()));
console.log(`codes ${children.map(({ exitCode }) => exitCode).join()}`);
console.log(`methods ${getAllStartMethods().join()}`);
