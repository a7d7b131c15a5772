import { setTimeout as sleep } from "node:timers/promises";
import { Process } from "node-multiprocessing";

async function dance(): Promise<void> {
  for (let i = 1; i <= 5; i++) {
    console.log(`dancing ${i}`);
    await sleep(200);
  }
}

async function sing(): Promise<void> {
  for (let i = 1; i <= 5; i++) {
    console.log(`singing ${i}`);
    await sleep(200);
  }
}

const dancing = new Process({ target: dance });
const singing = new Process({ target: sing });
await Promise.all([dancing.start(), singing.start()]);
await Promise.all([dancing.join(), singing.join()]);
