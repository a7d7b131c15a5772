/**
 * Joins the compiled modules into one file and a small one for each program, and lets the package's doors lead there.
 *
 * Why: importing 180 small modules costs Node 0.4 ms each; a program that starts, each server and each spawned child pays
 * for all. Why CommonJS: only of scripts V8 takes back what it compiled before (`bundle-loader.cjs`), which costs a fifth.
 * Tests of internals use the modules as tsc wrote them; programs that import the package by name, and the children of
 * those, use the bundle. One process never has both.
 */
import { build } from "esbuild";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { keepCompiled } from "./code-cache.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
const doors = ["main", "pool", "shared-memory"];
const doorFile = { main: "index.js", pool: "pool.js", "shared-memory": "shared-memory.js" };
const programs = ["child-main", "fork-server-main", "mp-main"];
/** What the doors and the loader use of the core; and what the library itself sends to its children. */
const whereFunctionsAre = "wire/by-reference.js";
const workers = "pool/worker-program.js";
/**
 * What runs in its program before all else, and what that needs: a part of the program, and of no layer. Where a layer needs
 * it too (`write-through.js`), a process has it twice: it must have no state.
 */
const first = ["process/server-heap.js", "process/server-streams.js", "process/write-through.js"];
const stampFile = join(root, "build", "bundle.stamp");
const loader = join(root, "scripts", "bundle-loader.cjs");
const parser = "parser";
const parserFile = join(root, "node_modules", "acorn", "dist", "acorn.js");

const options = {
  absWorkingDir: dist,
  bundle: true,
  format: "cjs",
  platform: "node",
  target: "node20",
  packages: "external",
  // Two bytes a character otherwise.
  charset: "ascii",
  define: { "import.meta.url": "__url" },
  banner: { js: 'const __url = require("node:url").pathToFileURL(__filename).href;' },
  sourcemap: true,
  sourcesContent: false,
  legalComments: "none",
  logLevel: "warning",
  metafile: true,
};

export async function bundle() {
  const stamp = stampOfModules();
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return;
  const folder = join(dist, "bundle");
  const fresh = join(dist, `bundle.${process.pid}`);
  // What is found beside a module by its URL is one folder up from these, as it is from the modules.
  const chunks = join(fresh, "chunks");
  mkdirSync(join(fresh, "entry"), { recursive: true });
  mkdirSync(chunks);
  writeFileSync(join(fresh, "package.json"), '{ "type": "commonjs" }\n');
  copyFileSync(loader, join(chunks, "loader.cjs"));
  copyFileSync(join(root, "node_modules", "acorn", "LICENSE"), join(fresh, "acorn.LICENSE"));
  copyFileSync(join(dist, "entry", "watchdog-main.cjs"), join(fresh, "entry", "watchdog-main.cjs"));
  await buildParts(chunks);
  for (const program of programs) {
    const interpreter = program === "mp-main" ? "#!/usr/bin/env node\n" : "";
    writeFileSync(
      join(fresh, "entry", `${program}.js`),
      `${interpreter}require("../chunks/loader.cjs")("${program}");\n`,
    );
  }
  chmodSync(join(fresh, "entry", "mp-main.js"), 0o755);
  // As beside the modules: the door by its URL (`warm-modules.ts`).
  mkdirSync(join(fresh, "doors"));
  writeFileSync(join(fresh, "doors", "package.json"), '{ "type": "module" }\n');
  writeFileSync(join(fresh, "doors", "main.js"), `export * from "../../${doorFile.main}";\n`);
  // Likewise, what a rehearsal brings in.
  mkdirSync(join(fresh, "process"));
  writeFileSync(join(fresh, "process", "package.json"), '{ "type": "module" }\n');
  copyFileSync(join(dist, "process", "rehearsal-sample.js"), join(fresh, "process", "rehearsal-sample.js"));
  rmSync(folder, { recursive: true, force: true });
  renameSync(fresh, folder);
  await writeDoors(folder);
  await keepCompiled(folder);
  writeFileSync(stampFile, stampOfModules());
}

/**
 * Three layers: `core`, what the doors offer; `programs`, what the package's own programs need beyond; and these, a few
 * lines each. A layer has on a shelf those of its modules that the next ones import.
 */
async function buildParts(chunks) {
  const inputsOf = async (entryPoints) => {
    const { metafile } = await build({ ...options, entryPoints, outdir: chunks, write: false });
    return metafile.inputs;
  };
  const core = Object.keys(await inputsOf(doors.map((door) => `doors/${door}.js`)));
  const entries = programs.map((program) => `entry/${program}.js`);
  const all = await inputsOf(entries);
  const rest = Object.keys(all).filter((file) => ![...core, ...entries, ...first].includes(file));
  const imported = (importers, layer) =>
    new Set(
      importers.flatMap((file) => all[file].imports.map(({ path }) => path)).filter((path) => layer.includes(path)),
    );
  const ofCore = imported([...rest, ...entries], core);
  const ofRest = imported(entries, rest);
  const part = (name, exported, more) => {
    const contents = [...exported]
      .map(([as, path]) => `export * as ${JSON.stringify(as)} from "./${path}";`)
      .join("\n");
    const stdin = { contents, resolveDir: dist, sourcefile: `${name}.js` };
    return build({ ...options, stdin, outfile: join(chunks, `${name}.cjs`), ...more });
  };
  const shelf = (paths) => [...paths].map((path) => [path, path]);
  ofCore.add(whereFunctionsAre).add(workers);
  await part("core", [...doors.map((door) => [door, `doors/${door}.js`]), ...shelf(ofCore)], {
    plugins: [parserApart],
  });
  await build({ ...options, entryPoints: [parserFile], outfile: join(chunks, `${parser}.cjs`) });
  await part("programs", shelf(ofRest), { plugins: [fromShelf("core", ofCore)] });
  const plugins = [fromShelf("core", ofCore), fromShelf("programs", ofRest)];
  for (const program of programs) {
    await build({ ...options, entryPoints: [`entry/${program}.js`], outfile: join(chunks, `${program}.cjs`), plugins });
  }
}

/**
 * The parser comes with the bundle, so that it is among what is kept compiled; as a part of its own, a quarter of all, which
 * is read at its first use only.
 */
const parserApart = {
  name: "parser-apart",
  setup({ onLoad }) {
    onLoad({ filter: /\/wire\/syntax\.js$/ }, ({ path }) => {
      const text = readFileSync(path, "utf8");
      const contents = text.replaceAll('require("acorn")', `loadPart("${parser}")`);
      if (contents === text) throw new Error(`${path} does not load the parser in the way that the bundle expects`);
      return { contents };
    });
  },
};

/** What a program imports of the library is the library's own: one process has each module once. */
function fromShelf(part, used) {
  return {
    name: `from-${part}`,
    setup({ onLoad, onResolve }) {
      onResolve({ filter: /^\./ }, ({ path, resolveDir }) => {
        const found = relative(dist, join(resolveDir, path));
        return used.has(found) ? { path: found, namespace: part } : undefined;
      });
      onLoad({ filter: /./, namespace: part }, ({ path }) => ({
        contents: `module.exports = loadPart("${part}")[${JSON.stringify(path)}];`,
      }));
    },
  };
}

/** By name, since Node would read through the whole bundle to find the names. */
async function writeDoors(folder) {
  const { default: load } = await import(pathToFileURL(join(folder, "chunks", "loader.cjs")).href);
  for (const door of doors) {
    const file = join(dist, doorFile[door]);
    const names = Object.keys(load("core")[door]).sort();
    const lines = [
      'import load from "./bundle/chunks/loader.cjs";',
      // A closure that captures what this module offers gets it from here in another process too.
      `import * as self from "./${doorFile[door]}";`,
      'const core = load("core");',
      `const door = core["${door}"];`,
      ...names.map((name) => `export const ${name} = door.${name};`),
      `core["${whereFunctionsAre}"].noteModule(self, { how: "import", url: import.meta.url });`,
    ];
    writeFileSync(file, `${lines.join("\n")}\n`);
    rmSync(`${file}.map`, { force: true });
  }
}

/** The doors themselves are written here and by tsc: whoever wrote last is asked as well. */
function stampOfModules() {
  const hash = createHash("sha256").update(process.version);
  for (const file of [fileURLToPath(import.meta.url), loader]) hash.update(readFileSync(file));
  const written = new Set(Object.values(doorFile));
  const files = readdirSync(dist, { recursive: true, encoding: "utf8" })
    .filter((file) => /\.c?js$/.test(file) && !file.startsWith("bundle") && !written.has(file))
    .sort();
  for (const file of files) hash.update(file).update(readFileSync(join(dist, file)));
  const led = [...written].every((name) => readFileSync(join(dist, name), "utf8").includes("./bundle/"));
  return `${hash.digest("hex")}${led ? "" : " doors"}`;
}
