/** Handles Ctrl-C itself: tells that it came, lets the tasks end, and tells what came of them. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Pool, type StartMethod } from "#src/index.js";

const folder = mkdtempSync(join(tmpdir(), "mp-goes-on-"));
process.once("SIGINT", () => {
  console.log("heard SIGINT");
  writeFileSync(join(folder, "heard"), "");
});
const pool = new Pool(2, { startMethod: process.argv[2] as StartMethod });
const work = async (n: number): Promise<number> => {
  const { writeSync } = await import("node:fs");
  writeSync(1, `worker ${process.pid}\n`);
  while (!existsSync(join(folder, "heard"))) await new Promise((resolve) => setTimeout(resolve, 5));
  return n * 10;
};
console.log("results", (await pool.map(work, [1, 2], { chunkSize: 1 })).join());
pool.close();
await pool.join();
rmSync(folder, { recursive: true });
