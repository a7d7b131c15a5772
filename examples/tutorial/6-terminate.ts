import { setTimeout as sleep } from "node:timers/promises";
import { Process } from "node-multiprocessing";

async function danceForEver(): Promise<void> {
  for (;;) {
    console.log("dancing");
    await sleep(50);
  }
}

const dancing = new Process({ target: danceForEver, name: "dancer" });
await dancing.start();
await sleep(500);
console.log(`alive: ${dancing.isAlive()}`);
dancing.terminate();
await dancing.join();
console.log(`alive: ${dancing.isAlive()}, exit code ${dancing.exitCode}, signal ${dancing.signalCode}`);
console.log(String(dancing));
