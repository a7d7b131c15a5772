/** A worker thread's program: answers what it is sent, and starts a thread of its own when told to. */
import { once } from "node:events";
import { parentPort, Worker, workerData } from "node:worker_threads";

const { nested, garbage } = workerData as { nested: boolean; garbage: number };
let kept: object[] = [];
for (let i = 0; i < garbage; i++) {
  kept.push({ i, text: `text ${i}` });
  if (kept.length > 10_000) kept = kept.slice(5000);
}
const digest = await crypto.subtle.digest("SHA-256", Buffer.from("text"));
let inner = 0;
if (nested) {
  const worker = new Worker(new URL(import.meta.url), { workerData: { nested: false, garbage } });
  [inner] = (await once(worker, "message")) as [number];
  await once(worker, "exit");
}
parentPort!.postMessage(digest.byteLength + inner);
