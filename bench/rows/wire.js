/** Functions and values that travel: what encoding and decoding them costs, without a channel. */
import { spawnSync } from "node:child_process";
import { deserialize, serialize } from "node:v8";
import { decodeSync, encode } from "../../dist/wire/codec.js";
import { perSecond } from "../harness.js";
import { python } from "../python.js";

const part = "wire";
const codec = new URL("../../dist/wire/codec.js", import.meta.url).href;
const factor = 3;
const label = "scaled";
const settings = { offset: 1 };
let calls = 0;
const constants = (x) => `${label} ${x * factor + settings.offset}`;
const changing = (x) => x + calls;
calls++;

const microseconds = (work) => {
  const times = Array.from({ length: 200 }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  });
  return times.sort((a, b) => a - b)[100] * 1000;
};

const first = `import { encode } from ${JSON.stringify(codec)};
const [factor, label, settings] = [3, "scaled", { offset: 1 }];
const scale = (x) => \`\${label} \${x * factor + settings.offset}\`;
const start = performance.now();
encode(scale);
console.log(performance.now() - start);`;

const values = {
  "an integer": 7,
  "an object of 5 fields": { id: 17, name: "a name", ok: true, ratio: 0.5, tags: null },
  "100 such objects": Array.from({ length: 100 }, (_, id) => ({
    id,
    name: `name ${id}`,
    ok: true,
    ratio: id / 3,
    tags: null,
  })),
  "10,000 numbers": Array.from({ length: 10_000 }, (_, n) => n * 1.5),
};

export default [
  {
    part,
    name: "closure with three captured variables: the first of a program",
    unit: "ms",
    better: "less",
    rounds: 7,
    target: { text: "≤ 40 ms", reached: (m) => m.encode <= 40 },
    contenders: () => ({
      encode: {
        sample: () =>
          Number(spawnSync(process.execPath, ["--input-type=module", "-e", first], { encoding: "utf8" }).stdout),
      },
    }),
  },
  {
    part,
    name: "closure with three captured variables, const and unchanged",
    unit: "µs",
    better: "less",
    rounds: 9,
    target: { text: "≤ 50 µs", reached: (m) => m.encode <= 50 },
    contenders: () => ({
      encode: { sample: () => microseconds(() => encode(constants)) },
      "cloudpickle, by value": python("cloudpickle_closure"),
    }),
  },
  {
    part,
    name: "closure whose captured variable changes",
    unit: "µs",
    better: "less",
    rounds: 9,
    target: { text: "≤ 300 µs a captured function", reached: (m) => m.encode <= 300 },
    contenders: () => ({ encode: { sample: () => microseconds(() => encode(changing)) } }),
  },
  ...Object.entries(values).map(([what, value]) => ({
    part,
    name: `encode and decode ${what}`,
    unit: "/s",
    better: "more",
    rounds: 7,
    contenders() {
      const repeat = (work) => ({
        async sample() {
          let count = 1;
          // As many as take a tenth of a second.
          for (;;) {
            const rate = await perSecond(count, () => {
              for (let n = 0; n < count; n++) work();
            });
            if (count / rate > 0.05) return rate;
            count *= 4;
          }
        },
      });
      return {
        "the codec": repeat(() => decodeSync(encode(value).bytes)),
        "v8.serialize": repeat(() => deserialize(serialize(value))),
        structuredClone: repeat(() => structuredClone(value)),
      };
    },
  })),
];
