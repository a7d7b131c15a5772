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

/** A class's declaration also has the members that instances are given by the constructor. */
function hasMember(owner: string, member: string): boolean {
  const exported = (multiprocessing as unknown as Record<string, { prototype?: object }>)[owner];
  const prototype = exported?.prototype;
  if (prototype === undefined) return false;
  const made = new RegExp(`^\\s+(?:readonly |get )?${member}\\b`, "m");
  return member in prototype || declarationsOf(owner).some((declaration) => made.test(declaration));
}

/** The text of the files that declare it, for types and for fields. */
function declarationsOf(name: string): string[] {
  const index = readFileSync(join(projectRoot, "src", "index.ts"), "utf8");
  const from = new RegExp(`export (?:type )?\\{[^}]*\\b${name}\\b[^}]*\\} from "\\./(.+?)\\.ts"`).exec(index)?.[1];
  return from === undefined ? [] : [readFileSync(join(projectRoot, "dist", `${from}.d.ts`), "utf8")];
}

test("what the rows name is exported, and has the member", () => {
  for (const { python, here } of rows) {
    if (here === "") continue;
    const [owner = "", member] = here.replace("()", "").split(".");
    const exported = owner in multiprocessing || declarationsOf(owner).length > 0;
    // Parts that are being built.
    if (!exported) continue;
    if (member === undefined) continue;
    const known = hasMember(owner, member) || declarationsOf(owner).some((each) => each.includes(member));
    assert.ok(known, `${python}: there is no ${here}`);
  }
});
