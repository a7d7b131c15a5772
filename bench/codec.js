/**
 * The codec against v8.serialize and structuredClone, alternating in one run: operations a second, and ratios.
 * "a copy of the bytes" is what `encodeView` saves.
 */
import { deserialize, serialize } from "node:v8";
import { decodeSync, encode, encodeView } from "../dist/wire/codec.js";

const cases = {
  "small integer": 7,
  "object of 5 fields": { id: 17, name: "a name", ok: true, ratio: 0.5, tags: null },
  "100 such objects": Array.from({ length: 100 }, (_, id) => ({
    id,
    name: `name ${id}`,
    ok: true,
    ratio: id / 3,
    tags: null,
  })),
  "text of 1,000 characters": "abcdefghij".repeat(100),
  "10,000 small integers": Array.from({ length: 10_000 }, (_, n) => n % 1000),
  "10,000 numbers": Array.from({ length: 10_000 }, (_, n) => n * 1.5),
  "Uint8Array of 1 MiB": new Uint8Array(2 ** 20),
};
const ways = {
  ours: (value) => decodeSync(encode(value).bytes),
  "a copy of the bytes": (value) => decodeSync(encodeView(value).bytes),
  "v8.serialize": (value) => deserialize(serialize(value)),
  structuredClone: (value) => structuredClone(value),
};

function perSecond(work, value) {
  const until = performance.now() + 150;
  let done = 0;
  while (performance.now() < until) for (let i = 0; i < 10; i++, done++) work(value);
  return (done / 150) * 1000;
}

console.log(`Node ${process.version}: encode and decode, per second`);
for (const [what, value] of Object.entries(cases)) {
  const best = Object.fromEntries(Object.keys(ways).map((way) => [way, 0]));
  for (let round = 0; round < 3; round++) {
    for (const [way, work] of Object.entries(ways)) best[way] = Math.max(best[way], perSecond(work, value));
  }
  const { ours, ...others } = best;
  const ratios = Object.entries(others).map(([way, rate]) => `${(ours / rate).toFixed(2)} × ${way}`);
  console.log(`${what.padEnd(26)} ${Math.round(ours).toLocaleString("en").padStart(12)}   ${ratios.join(", ")}`);
}
