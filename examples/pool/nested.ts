/** A pool in a pool: workers may start processes and pools of their own, which end with them. */
import { Pool } from "node-multiprocessing";

async function sumOfSquares(upTo: number): Promise<number> {
  const inner = new Pool(2);
  const squares = await inner.map(
    (n: number) => n * n,
    Array.from({ length: upTo + 1 }, (_, n) => n),
  );
  inner.close();
  await inner.join();
  return squares.reduce((sum, square) => sum + square, 0);
}

const pool = new Pool(2);
console.log(await pool.map(sumOfSquares, [3, 10, 100]));
pool.close();
await pool.join();
