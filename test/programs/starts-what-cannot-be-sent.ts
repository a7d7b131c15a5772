/** Starts processes whose jobs cannot be encoded, when a fork server is there to get them ready. Says how many were refused. */
import { Process, UnserializableError } from "#src/index.js";

const first = new Process();
await first.start();
await first.join();
let refused = 0;
for (let n = 0; n < 10; n++) {
  const child = new Process({ target: () => {}, args: [new WeakMap()] as never });
  await child.start().catch((error: unknown) => {
    if (error instanceof UnserializableError) refused++;
  });
}
console.log(refused, "refused");
