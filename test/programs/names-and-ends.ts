/** Makes shared memory under names, tells them, and ends, or waits to be ended. `names-and-ends <method> <ending> <name>` */
import { getContext, SharedMemory, type StartMethod } from "#src/index.js";

const [method, ending, name = "unnamed"] = process.argv.slice(2);
const own = SharedMemory.create({ size: 8 });
const chosen = SharedMemory.create({ name, size: 8 });
const childs = (): string => SharedMemory.create({ size: 8 }).name;
const { Process } = getContext(method as StartMethod);
const child = new Process({ target: childs });
await child.start();
console.log("names", JSON.stringify([own.name, chosen.name, await child.result]));
await child.join();
const busy = new Process({ target: () => new Promise((resolve) => setTimeout(resolve, 60_000)) });
await busy.start();
console.log("ready now");
if (ending === "exit") process.exit(0);
else if (ending === "throw") throw new Error("on purpose");
else if (ending === "return") busy.kill();
