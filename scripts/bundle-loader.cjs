"use strict";
/**
 * Loads a part of the bundle, once in each thread: with what V8 compiled of it when it was built, where that is for this
 * Node and these options of V8; V8 checks that itself.
 *
 * Runs in: every process.
 * Why not `module.enableCompileCache()`: it is the program's to turn on, needs a folder that can be written to, and is not
 * there before Node 22.
 */
const { readFileSync } = require("node:fs");
const { Script } = require("node:vm");

/** Where what was compiled is kept, by what it depends on. */
function cacheFile(name) {
  const flags = process.execArgv.includes("--single-threaded") ? "server" : "plain";
  return `${__dirname}/${name}.${process.version}-${process.arch}-${flags}.cache`;
}

const parts = new Map();
const scripts = new Map();

function load(name) {
  let part = parts.get(name);
  if (part === undefined) parts.set(name, (part = read(name)));
  return part;
}

function read(name) {
  const filename = `${__dirname}/${name}.cjs`;
  const compiled = compile(name, filename);
  const part = { exports: {} };
  compiled(part.exports, require, part, filename, __dirname, load);
  if (name === "core") noteModules(part.exports);
  return part.exports;
}

/** Functions of the library's own that go to its children are found there by this file and the way below. */
function noteModules(core) {
  const { noteModule } = core["wire/by-reference.js"];
  for (const [path, module] of Object.entries(core)) {
    if (path.endsWith(".js")) noteModule(module, { how: "require", filename: __filename }, ["core", path]);
  }
}

function compile(name, filename) {
  const text = `(function (exports, require, module, __filename, __dirname, loadPart) {${readFileSync(filename, "latin1")}\n})`;
  let cachedData;
  try {
    cachedData = readFileSync(cacheFile(name));
  } catch {
    // None was made for this Node: V8 compiles, as it does for any file.
  }
  const script = new Script(text, { filename, ...(cachedData === undefined ? {} : { cachedData }) });
  scripts.set(name, script);
  return script.runInThisContext();
}

/**
 * What a CommonJS door offers. Why it does not require the ESM door: where hooks load CommonJS, as tsx does for `.cts`,
 * Node 20 cannot require() a module that imports anything.
 */
load.door = (name, filename) => {
  const core = load("core");
  const offered = { ...core[name] };
  core["wire/by-reference.js"].noteModule(offered, { how: "require", filename });
  return offered;
};

module.exports = load;
Object.defineProperty(load, "core", { get: () => load("core") });
/** For the build: what V8 has compiled by now, by the file in which it is to be kept. */
module.exports.compiled = () => [...scripts].map(([name, script]) => [cacheFile(name), script.createCachedData()]);
