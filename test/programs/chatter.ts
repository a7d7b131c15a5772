/**
 * A child that writes many lines to stdout and stderr and then exits. `chatter.js <start method> <lines> [whose first]`:
 * where that is said, its owner makes its own streams before the child does ("owner") or after it ("child"); with each
 * Node changes how what they share is written to.
 */
import { getContext, type StartMethod } from "#src/index.js";
import { waitsForRoom } from "../support/descriptors.js";

const [method, count, first] = process.argv.slice(2);
const context = getContext(method as StartMethod);
const made = new context.Event();
const goOn = new context.Event();
const makeStreams = (): unknown => [process.stdout, process.stderr];
if (first === "owner") makeStreams();

const child = new context.Process({
  target: (lines: number) => {
    const before = [1, 2].map(waitsForRoom);
    makeStreams();
    const after = [1, 2].map(waitsForRoom);
    if (String(after) !== String(before)) console.log(`changed: ${String(before)} to ${String(after)}`);
    made.set();
    goOn.waitSync();
    for (let n = 0; n < lines; n++) {
      process.stdout.write(`line ${n}\n`);
      process.stderr.write(`line ${n}\n`);
    }
    process.exit(0);
  },
  args: [Number(count)],
});
await child.start();
if (first === "child") {
  await made.wait();
  makeStreams();
}
goOn.set();
await child.join();
console.log("after");
