/** Pools for as long as a test needs them. */
import { Pool, type StartMethod } from "#src/index.js";

type PoolOptions = ConstructorParameters<typeof Pool>[1];
type WithPool = (size: number, options: PoolOptions, use: (pool: Pool) => Promise<void>) => Promise<void>;

/** Calls back with a pool of that start method; afterwards it must come to an end by itself. */
export function poolsBy(startMethod: StartMethod): WithPool {
  return async (size, options, use) => {
    const pool = new Pool(size, { startMethod, ...options });
    try {
      await use(pool);
      pool.close();
      await pool.join({ timeoutMs: 20_000 });
    } finally {
      await pool.terminate();
    }
  };
}
