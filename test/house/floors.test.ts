/** The house keeps its shape: imports go downward only, in no circle, and no file grows past 400 lines. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, normalize, relative, sep } from "node:path";
import { test } from "node:test";
import { projectRoot } from "../support/project.ts";

const floors: Record<string, number> = {
  base: 0,
  host: 1,
  memory: 2,
  wire: 2,
  sync: 3,
  channel: 4,
  process: 5,
  pool: 6,
  managers: 7,
  connection: 7,
  distributed: 7,
  monitor: 7,
  cli: 8,
  testing: 8,
  entry: 9,
  doors: 10,
};

const source = join(projectRoot, "src");
const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));

interface Import {
  readonly file: string;
  readonly typeOnly: boolean;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(source, file), "utf8");
  const found: Import[] = [];
  for (const [, typeOnly, from] of text.matchAll(/^(?:import|export)\s(type\s)?(?:[^;"]*?from\s+)?"(\.[^"]+)"/gm)) {
    found.push({ file: normalize(join(dirname(file), from!)), typeOnly: typeOnly !== undefined });
  }
  return found;
}

/** A file at the top of src/ (index.ts, pool.ts: the doors) stands above all floors. */
function floorOf(file: string): number {
  const parts = file.split(sep);
  if (parts.length === 1) return 10;
  const floor = floors[parts[0]!];
  assert.notEqual(floor, undefined, `src/${file} is in a folder that has no floor; ARCHITECTURE.md lists them`);
  return floor!;
}

test("a file imports only from its own floor or a lower one", () => {
  for (const file of files) {
    for (const { file: target } of importsOf(file)) {
      assert.ok(floorOf(target) <= floorOf(file), `src/${file} imports upward: src/${target}`);
    }
  }
});

test("programs in src/entry/ are named by URL and imported by nobody", () => {
  for (const file of files) {
    for (const { file: target } of importsOf(file)) {
      assert.ok(!target.startsWith(`entry${sep}`), `src/${file} imports the program src/${target}`);
    }
  }
});

test("no import runs in a circle", () => {
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]): void => {
    assert.ok(!trail.includes(file), `a circle of imports: ${[...trail, file].join(" -> ")}`);
    if (done.has(file)) return;
    for (const { file: target, typeOnly } of importsOf(file)) if (!typeOnly) visit(target, [...trail, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
});

test("the head of a source file says in which process it runs", () => {
  for (const file of files) {
    const head = readFileSync(join(source, file), "utf8").split("\n", 12).join("\n");
    assert.match(head, /\bRuns in: \S/, `src/${file}`);
  }
});

test("no file of the project's own code has more than 400 lines", () => {
  for (const folder of ["src", "test", "native", "examples", "scripts", "bench"]) {
    let names: string[];
    try {
      names = readdirSync(join(projectRoot, folder), { recursive: true, encoding: "utf8" });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") continue;
      throw error;
    }
    for (const name of names.filter((name) => /^(?!node_modules\/).*\.(ts|cts|js|c|h)$/.test(name))) {
      const lines = readFileSync(join(projectRoot, folder, name), "utf8").split("\n").length - 1;
      assert.ok(lines <= 400, `${folder}/${name} has ${lines} lines`);
    }
  }
});

test("the list of source files is not empty", () => {
  assert.ok(files.length > 0, relative(projectRoot, source));
});
