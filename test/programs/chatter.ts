/**
 * A child that writes many lines to stdout and stderr and then ends ("exits", "kills itself").
 * `chatter.js <start method> <lines> <streams> <end>`. Whoever makes its streams changes how what they share is written to:
 * the child alone does before it writes ("child"), its owner has before that ("owner"), or does after that ("both").
 */
import { getContext, type StartMethod } from "#src/index.js";
import { waitsForRoom } from "../support/descriptors.js";

const [method, count, streams, end] = process.argv.slice(2);
const context = getContext(method as StartMethod);
const made = new context.Event();
const goOn = new context.Event();
const makeStreams = (): unknown => [process.stdout, process.stderr];
if (streams === "owner") makeStreams();

const child = new context.Process({
  target: (lines: number, killed: boolean) => {
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
    if (killed) process.kill(process.pid, "SIGKILL");
    process.exit(0);
  },
  args: [Number(count), end === "kills itself"],
});
await child.start();
if (streams === "both") {
  await made.wait();
  makeStreams();
}
goOn.set();
await child.join();
console.log("after");
