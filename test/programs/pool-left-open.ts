/** Leaves a pool open, an iterator half read, and a task running: it ends when the task does. */
import { Pool, type StartMethod } from "#src/index.js";

const pool = new Pool(2, { startMethod: process.argv[2] as StartMethod });
function* forever(): Generator<number> {
  for (let n = 1; ; n++) yield n;
}
const results = pool.imap((x: number) => x, forever());
console.log("first", (await results.next()).value);
void pool
  .submit(() => new Promise((resolve) => setTimeout(resolve, 200, "slow done")))
  .then((said) => console.log(said));
