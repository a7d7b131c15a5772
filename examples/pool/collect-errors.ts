/** All items are tried, and all errors known at the end: which item, why, and what the others gave. */
import { Pool } from "node-multiprocessing";

function parse(text: string): unknown {
  return JSON.parse(text);
}

const texts = ['{"a":1}', "oops", "[1,2]", "{"];
const pool = new Pool(2);
try {
  await pool.map(parse, texts, { onError: "collect" });
} catch (error) {
  const { errors, indexes, results } = error as AggregateError & { indexes: number[]; results: unknown[] };
  for (const [n, index] of indexes.entries()) console.log(`item ${index}: ${(errors[n] as Error).name}`);
  console.log(results);
}
pool.close();
await pool.join();
