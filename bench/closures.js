/** What sending a function costs: the first of a program, each further one, and taking it. Medians, in microseconds. */
import path from "node:path";
import { decodeSync, encode } from "../dist/wire/codec.js";

const factor = 3;
const label = "scaled";
const settings = { offset: 1 };
let calls = 0;
const constants = (x) => `${label} ${x * factor + settings.offset}`;
const nothing = (x) => x * 2;
const changing = (x) => x + calls;
const three = (x) => [constants(x), nothing(x)];
const counter = () => {
  let n = 0;
  return { up: () => ++n, read: () => n };
};
const shared = counter();
calls++;

const before = performance.now();
encode(constants);
console.log(
  `Node ${process.version}: first function by value of the program ${(performance.now() - before).toFixed(1)} ms`,
);

const cases = {
  "a function without variables": () => encode(nothing),
  "three const variables": () => encode(constants),
  "a variable that changes": () => encode(changing),
  "a function that uses two others": () => encode(three),
  "two closures that share a variable": () => encode(shared),
  "by reference": () => encode(path.join),
};
const { bytes } = encode(constants);
cases["rebuilding it: three const variables"] = () => decodeSync(bytes);

for (const [what, run] of Object.entries(cases)) {
  for (let i = 0; i < 50; i++) run();
  const times = Array.from({ length: 300 }, () => {
    const start = performance.now();
    run();
    return performance.now() - start;
  }).sort((a, b) => a - b);
  console.log(`${what.padEnd(40)} ${(times[150] * 1000).toFixed(1).padStart(8)}`);
}
