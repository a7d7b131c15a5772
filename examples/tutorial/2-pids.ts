import { currentProcess, getpid, Process } from "node-multiprocessing";

function dance(): void {
  console.log(`dance: pid ${getpid()}, ${currentProcess()}`);
}

function sing(): void {
  console.log(`sing: pid ${getpid()}, ${currentProcess().name}`);
}

console.log(`main: pid ${getpid()}, ${currentProcess()}`);
const dancing = new Process({ target: dance, name: "myprocess1" });
const singing = new Process({ target: sing });
await dancing.start();
await singing.start();
await Promise.all([dancing.join(), singing.join()]);
