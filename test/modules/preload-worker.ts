/** A module that starts a thread: a process with it must not fork. */
import { Worker } from "node:worker_threads";

export const worker: Worker = new Worker("setInterval(() => {}, 1000)", { eval: true });
worker.unref();
await new Promise((resolve) => worker.once("online", resolve));
