// Two processes write into one array and count together; nothing is copied, nothing is lost.
import { Process, SharedArray, SharedValue } from "node-multiprocessing";

const squares = new SharedArray(Float64Array, 1_000_000);
const done = new SharedValue("int32", 0);
const longest = new SharedValue("float64", 0);

async function square(from: number, to: number): Promise<void> {
  const start = performance.now();
  for (let i = from; i < to; i++) {
    squares.array[i] = i * i;
    done.add(1); // One atomic operation: no lock, and no increment is lost.
  }
  const ms = performance.now() - start;
  await longest.update((known) => Math.max(known, ms)); // Under a lock that survives the death of its holder.
}

const half = squares.length / 2;
const workers = [
  new Process({ target: square, args: [0, half] }),
  new Process({ target: square, args: [half, squares.length] }),
];
for (const worker of workers) await worker.start();
for (const worker of workers) await worker.join();

console.log(`${done.value} squares, the last is ${squares.array.at(-1)}`);
console.log(longest.value > 0 ? "the slower process said how long it took" : "nobody said how long it took");
