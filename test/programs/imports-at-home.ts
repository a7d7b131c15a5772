/** Gets a function that imports from a child, which got one as well; says how its stdin is. `imports-at-home.js <start method>` */
import { getContext, type StartMethod } from "#src/index.js";
import { waitsForRoom } from "../support/descriptors.js";

const before = waitsForRoom(0);
const child = new (getContext(process.argv[2] as StartMethod).Process)({
  target: async () => {
    await import("node:os");
    return () => import("node:os");
  },
});
await child.start();
const load = await child.result;
await load();
await child.join();
console.log(`${before} before, ${waitsForRoom(0)} after`);
