/** The documents show the programs as they are. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { projectRoot } from "../support/project.ts";

const read = (path: string): string => readFileSync(join(projectRoot, path), "utf8");

for (const document of ["docs/tutorial.md", "docs/zh/tutorial.md"]) {
  test(`${document} shows each program of examples/tutorial as it is, and has a summary a chapter`, () => {
    const text = read(document);
    const programs = readdirSync(join(projectRoot, "examples", "tutorial")).sort();
    for (const program of programs) {
      const shown = new RegExp(`\`examples/tutorial/${program}\`\\n\\n\`\`\`ts\\n([\\s\\S]*?)\`\`\``).exec(text)?.[1];
      assert.equal(shown, read(`examples/tutorial/${program}`), program);
    }
    assert.equal(text.match(/^## /gm)?.length, programs.length);
    assert.equal(text.match(/^(?:Summary: |小结：)/gm)?.length, programs.length);
    assert.equal(text.match(/^(?:Goal: |目标：)/gm)?.length, programs.length);
  });
}

test("README shows examples/first.ts as it is, and its commands are in package.json", () => {
  const text = read("README.md");
  assert.ok(text.includes(`\`\`\`ts\n${read("examples/first.ts")}\`\`\``));
  const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
  for (const [, name = ""] of text.matchAll(/npm run (\w+)/g)) assert.ok(name in scripts, name);
  // What a claim names as its proof is there.
  const tests = readdirSync(join(projectRoot, "test"), { recursive: true, encoding: "utf8" });
  for (const [, parts = ""] of text.matchAll(/`npm test -- ([^`]+)`/g)) {
    for (const part of parts.split(" "))
      assert.ok(
        tests.some((file) => file.includes(part)),
        part,
      );
  }
  assert.ok(text.split("\n").length < 200);
});

test("docs/shared-memory.md shows examples/shared-memory.ts as it is", () => {
  assert.ok(read("docs/shared-memory.md").includes(`\`\`\`ts\n${read("examples/shared-memory.ts")}\`\`\``));
});

test("every link between the documents leads somewhere", () => {
  const documents = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].concat(
    readdirSync(join(projectRoot, "docs"), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".md"))
      .map((file) => `docs/${file}`),
  );
  for (const document of documents) {
    for (const [, target = ""] of read(document).matchAll(/\]\(([^)#:]+)[^)]*\)/g)) {
      assert.ok(existsSync(join(projectRoot, dirname(document), target)), `${document}: ${target}`);
    }
  }
});

test("docs/errors.md has a line for each error code", () => {
  const codes = [...read("src/base/errors.ts").matchAll(/^ {2}\| "(ERR_MP_\w+)"/gm)].map(([, code]) => code);
  const lines = [...read("docs/errors.md").matchAll(/^\| `(ERR_MP_\w+)`/gm)].map(([, code]) => code);
  assert.ok(codes.length > 5);
  assert.deepEqual(lines, codes);
});
