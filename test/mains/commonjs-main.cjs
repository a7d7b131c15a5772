// A main module in CommonJS, sloppy as it is written.
const { join } = require("node:path");
const fs = require("node:fs");
const { Process } = require("node-multiprocessing");

let count = 0;
function bump() {
  count++;
  return count;
}
function sloppy() {
  return this === globalThis;
}
function work(n) {
  bump();
  const os = require("node:os");
  return [join("a", "b"), typeof fs.readFileSync, n, bump(), sloppy(), typeof os.EOL, /main\.c[jt]s$/.test(__filename)];
}

(async () => {
  const child = new Process({ target: work, args: [5] });
  await child.start();
  console.log(JSON.stringify(await child.result));
  await child.join();
})();
