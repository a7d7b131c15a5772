/** Starts children for as long as it lives; they never end by themselves. `restless.js <start method>` */
import { writeSync } from "node:fs";
import { getContext, type StartMethod } from "#src/index.js";

const { Process } = getContext(process.argv[2] as StartMethod);
for (let n = 0; n < 6; n++) {
  const child = new Process({
    target: () => {
      for (;;);
    },
  });
  await child.start();
  writeSync(1, `pid ${child.pid}\n`);
}
