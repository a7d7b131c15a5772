/** The table of Python's names: complete, and what it says is here is exported. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as multiprocessing from "#src/index.js";
import { projectRoot } from "../support/project.ts";
import { pythonNames } from "./python-names.ts";

interface Row {
  readonly python: string;
  readonly here: string;
  readonly verdict: string;
}

const text = readFileSync(join(projectRoot, "docs", "coming-from-python.md"), "utf8");
const rows: Row[] = [...text.matchAll(/^\| `([\w.]+)` \| (?:`([\w.()]+)`|–) \| (.+) \|$/gm)].map(
  ([, python = "", here = "", verdict = ""]) => ({ python, here, verdict }),
);

test("each public name of Python's multiprocessing and concurrent.futures has one row, and no row names another", () => {
  const documented = rows.map(({ python }) => python);
  assert.deepEqual([...documented].sort(), [...pythonNames].sort());
});

test('each row says "same", "differs: …" or "not here, because …", and a name where there is one', () => {
  for (const { python, here, verdict } of rows) {
    assert.match(verdict, /^(?:same$|differs: \S|not here, because \S)/, python);
    assert.equal(here === "", verdict.startsWith("not here"), python);
  }
});

/** What docs/api.md says of each public name; `npm run ok` compares that page with the declarations. */
const reference = readFileSync(join(projectRoot, "docs", "api.md"), "utf8");

function sectionOf(name: string): string | undefined {
  const [, section] = reference.split(new RegExp(`^### ${name}$`, "m"));
  return section?.split(/^##/m)[0];
}

test("what the rows name is exported, and has the member", () => {
  for (const { python, here } of rows) {
    if (here === "") continue;
    const [owner = "", member] = here.replace("()", "").split(".");
    const section = sectionOf(owner);
    assert.ok(section !== undefined, `${python}: ${owner} is no public name`);
    if (member === undefined) continue;
    const { prototype } = ((multiprocessing as Record<string, unknown>)[owner] ?? {}) as { prototype?: object };
    const listed = new RegExp(`^- \`(?:get |set |readonly |static )*${member}\\b`, "m").test(section);
    assert.ok(listed || (prototype !== undefined && member in prototype), `${python}: there is no ${here}`);
  }
});

test("the reference names all that is exported", () => {
  for (const name of Object.keys(multiprocessing)) assert.ok(sectionOf(name) !== undefined, name);
});
