/** Three children at once. `three-children.js <start method>` */
import { getContext, type StartMethod } from "#src/index.js";

const { Process } = getContext(process.argv[2] as StartMethod);
const children = [1, 2, 3].map((n) => new Process({ target: (m: number) => m, args: [n] }));
await Promise.all(children.map((child) => child.start()));
await Promise.all(children.map((child) => child.join()));
console.log(`ended: ${children.map((child) => child.exitCode).join(" ")}`);
