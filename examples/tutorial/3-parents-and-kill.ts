import { setTimeout as sleep } from "node:timers/promises";
import { getpid, getppid, Process } from "node-multiprocessing";

async function dance(): Promise<void> {
  for (let i = 1; i <= 5; i++) {
    console.log(`dancing ${i}: parent ${getppid()}`);
    process.kill(getpid(), 9);
    await sleep(200);
  }
}

async function sing(): Promise<void> {
  for (let i = 1; i <= 5; i++) {
    console.log(`singing ${i}: parent ${getppid()}`);
    await sleep(200);
  }
}

console.log(`main: pid ${getpid()}`);
const dancing = new Process({ target: dance });
const singing = new Process({ target: sing });
await dancing.start();
await singing.start();
await Promise.all([dancing.join(), singing.join()]);
console.log(`dance ended with ${dancing.exitCode}, sing with ${singing.exitCode}`);
