/** A deadline that holds: what is not done by then is stopped, be it in a busy loop; who listens can tidy up first. */
import { currentTask, Pool } from "node-multiprocessing";

function searchForEver(): never {
  for (;;) Math.sqrt(Math.random());
}

async function searchPolitely(): Promise<string> {
  const { signal } = currentTask()!;
  while (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, 5));
  return "tidied up";
}

const pool = new Pool(2, { cancelGraceMs: 50 });
const outcomes = await Promise.allSettled([
  pool.submit(searchForEver, [], { timeoutMs: 100 }),
  pool.submit(searchPolitely, [], { signal: AbortSignal.timeout(100) }),
  pool.submit(() => "in time", [], { timeoutMs: 10_000 }),
]);
for (const outcome of outcomes) {
  console.log(outcome.status === "fulfilled" ? outcome.value : (outcome.reason as Error).name);
}
pool.close();
await pool.join();
