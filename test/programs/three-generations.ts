/** Main, middle, two leaves in busy loops. `three-generations.js <start method>` */
import { writeSync } from "node:fs";
import { getContext, type StartMethod } from "#src/index.js";

const { Process } = getContext(process.argv[2] as StartMethod);

function leaf(): never {
  writeSync(1, `leaf ${process.pid}\n`);
  for (;;);
}

async function middle(): Promise<void> {
  const leaves = [new Process({ target: leaf }), new Process({ target: leaf })];
  await Promise.all(leaves.map((one) => one.start()));
  writeSync(1, `middle ${process.pid}\n`);
  await Promise.all(leaves.map((one) => one.join()));
}

const child = new Process({ target: middle });
await child.start();
await child.join();
writeSync(1, `exit-code ${child.exitCode}\n`);
