/** Workers fill one array in disjoint parts: nothing is copied, and no lock is needed. */
import { Pool, SharedArray } from "node-multiprocessing";

const width = 600;
const height = 400;
const steps = new SharedArray(Uint16Array, width * height);
const most = 200;

/** How many steps each point of a row of the Mandelbrot set takes to leave the circle. */
function fillRow(row: number): void {
  for (let column = 0; column < width; column++) {
    const [a, b] = [(column / width) * 3 - 2, (row / height) * 2 - 1];
    let [x, y, count] = [0, 0, 0];
    for (; count < most && x * x + y * y <= 4; count++) [x, y] = [x * x - y * y + a, 2 * x * y + b];
    steps.array[row * width + column] = count;
  }
}

const rows = Array.from({ length: height }, (_, row) => row);
const pool = new Pool(2);
await pool.map(fillRow, rows);
pool.close();
await pool.join();

const filled = new Uint16Array(steps.array);
steps.array.fill(0);
rows.forEach(fillRow); // Once more in this process alone, to compare.
const same = filled.every((count, at) => count === steps.array[at]);
console.log(`${filled.length} points, ${filled.filter((count) => count === most).length} of them inside`);
console.log(same ? "as one process has it" : "not as one process has it");
