/** A child that writes many lines to stdout and stderr and then exits. `chatter.js <start method> <lines>` */
import { getContext, type StartMethod } from "#src/index.js";

const [method, count] = process.argv.slice(2);
const child = new (getContext(method as StartMethod).Process)({
  target: (lines: number) => {
    for (let n = 0; n < lines; n++) {
      process.stdout.write(`line ${n}\n`);
      process.stderr.write(`line ${n}\n`);
    }
    process.exit(0);
  },
  args: [Number(count)],
});
await child.start();
await child.join();
console.log("after");
