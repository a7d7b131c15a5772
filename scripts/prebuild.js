/**
 * `npm pack` and `npm publish`: builds the addons that travel inside the package, native/prebuilt/<target>/.
 *
 * `npm publish` fails where one that every release has cannot be built here. `npm pack`, whose file may be meant for
 * one machine, says so and packs the others. `node scripts/prebuild.js --all` asks for all without packing.
 *
 * Each is checked once it is made: the right machine, no C library newer than the oldest that Node itself runs on.
 */
import { readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compile, findCompiler } from "./build-native.js";

const folder = fileURLToPath(new URL("../native/prebuilt/", import.meta.url));
/** Node 20 to 26 are built for it. */
const newestGlibc = [2, 28];
/** e_machine of the ELF header. */
const machines = { x64: 62, arm64: 183 };

/** musl's wrapper knows only its own headers; those of the kernel are the distribution's, and come last. */
const kernelHeaders = ["-idirafter", "/usr/include", "-idirafter", "/usr/include/x86_64-linux-gnu"];
/** The compiler of the machine makes what runs on it. */
const ofHost = (arch, musl) => (process.arch === arch && isMuslHost() === musl ? ["cc", "gcc", "clang"] : []);

const targets = [
  {
    ...{ name: "linux-x64-glibc", arch: "x64", libc: "glibc", always: true },
    compilers: ["x86_64-linux-gnu-gcc", ...ofHost("x64", false)],
    remedy: "on Debian: apt-get install gcc libc6-dev, on another machine than x64 gcc-x86-64-linux-gnu",
  },
  {
    ...{ name: "linux-arm64-glibc", arch: "arm64", libc: "glibc", always: true },
    compilers: ["aarch64-linux-gnu-gcc", ...ofHost("arm64", false)],
    remedy: "on Debian: apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
  },
  {
    ...{ name: "linux-x64-musl", arch: "x64", libc: "musl", always: true, flags: kernelHeaders },
    compilers: ["x86_64-linux-musl-gcc", ...(process.arch === "x64" ? ["musl-gcc"] : []), ...ofHost("x64", true)],
    remedy: "on Debian, x64: apt-get install musl-tools linux-libc-dev",
  },
  {
    // No distribution that is at hand has this compiler; where somebody has one, it is used.
    ...{ name: "linux-arm64-musl", arch: "arm64", libc: "musl", always: false },
    compilers: ["aarch64-linux-musl-gcc", ...ofHost("arm64", true)],
    remedy: "a cross compiler named aarch64-linux-musl-gcc",
  },
];

function isMuslHost() {
  return process.report.getReport().header.glibcVersionRuntime === undefined;
}

/** @returns {string | undefined} the file, undefined where there is no compiler for it */
function make({ name, arch, libc, compilers, flags = [] }) {
  const file = join(folder, name, "node_multiprocessing.node");
  const compiler = findCompiler(compilers, flags);
  if (compiler === undefined) {
    // One of other sources must not travel.
    rmSync(join(folder, name), { recursive: true, force: true });
    return undefined;
  }
  compile({ compiler, output: file, flags: ["-s", "-static-libgcc", ...flags] });
  const wrong = readdirSync(join(folder, name))
    .filter((each) => /\.(?:node|so)$/.test(each))
    .map((each) => faultOf(join(folder, name, each), arch, libc))
    .find((fault) => fault !== undefined);
  if (wrong !== undefined) {
    rmSync(join(folder, name), { recursive: true, force: true });
    throw new Error(`${name}, built by ${compiler}, cannot be published: ${wrong}`);
  }
  return file;
}

function faultOf(file, arch, libc) {
  const bytes = readFileSync(file);
  if (bytes.readUInt16LE(18) !== machines[arch]) return `it is for machine ${bytes.readUInt16LE(18)}, not ${arch}`;
  const text = bytes.toString("latin1");
  const versions = [...text.matchAll(/GLIBC_(\d+)\.(\d+)/g)].map(([, major, minor]) => [Number(major), Number(minor)]);
  if (libc === "musl") return versions.length > 0 || text.includes("libc.so.6") ? "it asks for glibc" : undefined;
  const tooNew = versions.filter(
    ([major, minor]) => major > newestGlibc[0] || (major === newestGlibc[0] && minor > newestGlibc[1]),
  );
  if (tooNew.length === 0) return undefined;
  return `it asks for glibc ${tooNew.map((version) => version.join(".")).join(", ")}, and ${newestGlibc.join(".")} is the newest that may be needed (objdump -T ${file})`;
}

const publishing = process.env["npm_command"] === "publish" || process.argv.includes("--all");
const quiet = process.argv.includes("--quiet");
const missing = [];
for (const target of targets) {
  const file = make(target);
  if (file !== undefined && !quiet) {
    console.error(`prebuilt ${target.name} (${(statSync(file).size / 1024).toFixed(0)} KiB)`);
  }
  if (file === undefined && target.always) missing.push(target);
}
if (missing.length > 0 && !(quiet && !publishing)) {
  const list = missing.map(({ name, remedy }) => `  ${name}: ${remedy}`).join("\n");
  console.error(
    publishing
      ? `A release must have every prebuilt addon, and there is no compiler here for\n${list}`
      : `This package file will lack prebuilt addons, for want of a compiler; processes start by "spawn" there. Do not publish it.\n${list}`,
  );
  if (publishing) process.exitCode = 1;
}
