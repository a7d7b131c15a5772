import { setTimeout as sleep } from "node:timers/promises";
import { Process } from "node-multiprocessing";

async function count({ what, times }: { what: string; times: number }): Promise<void> {
  for (let i = 1; i <= times; i++) {
    console.log(`${what} ${i} of ${times}`);
    await sleep(20);
  }
  console.log(`${what} completed`);
}

const dancing = new Process({ target: count, kwargs: { what: "dancing", times: 3 } });
const singing = new Process({ target: count, kwargs: { what: "singing", times: 2 } });
await Promise.all([dancing.start(), singing.start()]);
await Promise.all([dancing.join(), singing.join()]);
