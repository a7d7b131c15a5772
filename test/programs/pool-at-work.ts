/** Two workers in busy loops, each of which tells its pid; ended from outside. */
import { Pool, type StartMethod } from "#src/index.js";

const pool = new Pool(2, { startMethod: process.argv[2] as StartMethod });
await pool.map(async () => {
  const { writeSync } = await import("node:fs");
  writeSync(1, `worker ${process.pid}\n`);
  for (;;);
}, [1, 2]);
