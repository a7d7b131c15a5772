/** Restarts itself with a small heap and compares the limit with a child's. `heap-limit.js <start method>` */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { getHeapStatistics } from "node:v8";
import { getContext, type StartMethod } from "#src/index.js";

const method = process.argv[2] as StartMethod;
if (process.execArgv.length === 0) {
  const again = [`--max-old-space-size=333`, fileURLToPath(import.meta.url), method];
  process.exitCode = spawnSync(process.execPath, again, { stdio: "inherit" }).status ?? 1;
} else {
  const child = new (getContext(method).Process)({ target: () => getHeapStatistics().heap_size_limit });
  await child.start();
  const near = getHeapStatistics().heap_size_limit;
  const far = await child.result;
  // The young generation's share (three half-spaces of up to 64 MiB) is the start method's own affair; without the
  // option the limit would be gigabytes away.
  console.log(`same limit: ${Math.abs(near - far) < 3 * 64 * 2 ** 20}`);
  await child.join();
}
