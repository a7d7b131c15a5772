/** Starts, kills and nests forked processes with the library whose path it is given. */
import type * as Library from "#src/index.js";

const { Process } = ((await import(process.argv[2]!)) as typeof Library).getContext("forkserver");

const results = await Promise.all(
  Array.from({ length: 12 }, async (_, n) => {
    const child = new Process({ target: () => n * 2, stdio: n % 2 === 0 ? "pipe" : "ignore" });
    await child.start();
    const result = await child.result;
    await child.join();
    return result === n * 2;
  }),
);

let killed = 0;
for (let n = 0; n < 4; n++) {
  const child = new Process({ target: () => new Promise((resolve) => setTimeout(resolve, 60_000)) });
  await child.start();
  if (n % 2 === 0) child.kill();
  else child.terminate();
  await child.join();
  child.result.catch(() => {});
  if (child.signalCode !== null) killed++;
}

const nested = new Process({
  target: async () => {
    let done = 0;
    for (let n = 0; n < 3; n++) {
      const inner = new Process({ target: () => 1 });
      await inner.start();
      done += await inner.result;
      await inner.join();
    }
    return done;
  },
});
await nested.start();
console.log(`${results.filter(Boolean).length} results, ${killed} killed, ${await nested.result} nested`);
await nested.join();
