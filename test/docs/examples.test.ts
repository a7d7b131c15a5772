/**
 * Every TypeScript example of docs/ is a program: it compiles, it runs, and where a block of `text` follows it prints
 * that, "…" standing for anything. Names of the package that an example uses without importing them are imported.
 *
 * The tutorial's programs are those of examples/, which test/examples/ runs.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import * as multiprocessing from "#src/index.js";
import { startNode } from "../support/programs.ts";
import { projectRoot } from "../support/project.ts";

interface Example {
  readonly page: string;
  readonly line: number;
  readonly name: string;
  readonly text: string;
  readonly prints: string | undefined;
}

// Inside the project: the package finds itself by its own name there.
const folder = join(projectRoot, "build", `doc-examples-${process.pid}`);
const docs = join(projectRoot, "docs");

function examplesOf(page: string): Example[] {
  const content = readFileSync(join(docs, page), "utf8");
  const blocks = content.matchAll(/^```ts\n([\s\S]*?)^```\n(?:\n```text\n([\s\S]*?)^```)?/gm);
  return [...blocks].map(({ 1: text = "", 2: prints, index }) => {
    const line = content.slice(0, index).split("\n").length;
    return { page, line, name: `${page.replace(/\W+/g, "-")}-${line}`, text, prints };
  });
}

function program(text: string): string {
  const imported = new Set(
    [...text.matchAll(/import (?:type )?\{([^}]*)\}/g)].flatMap(([, names = ""]) => names.split(/[\s,]+/)),
  );
  const used = Object.keys(multiprocessing).filter(
    (name) => !imported.has(name) && new RegExp(`(?<![.\\w"'\`])${name}\\b(?!["'\`])`).test(text),
  );
  const head = used.length === 0 ? "" : `import { ${used.join(", ")} } from "node-multiprocessing";\n`;
  return `${head}${text}\nexport {};\n`;
}

const pages = readdirSync(docs, { recursive: true, encoding: "utf8" }).filter(
  (file) => file.endsWith(".md") && !file.endsWith("tutorial.md") && file !== "api.md",
);
const examples = pages.flatMap(examplesOf);

before(() => {
  mkdirSync(folder, { recursive: true });
  for (const { name, text } of examples) writeFileSync(join(folder, `${name}.ts`), program(text));
  const options = {
    extends: "../../tsconfig.base.json",
    compilerOptions: {
      ...{ composite: false, isolatedDeclarations: false, declaration: false, sourceMap: true },
      ...{ noUnusedLocals: false, noUnusedParameters: false, rootDir: "." },
    },
    include: ["*.ts"],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(options));
  const compiler = join(projectRoot, "node_modules", "typescript", "bin", "tsc");
  try {
    execFileSync(process.execPath, [compiler, "-p", folder], { encoding: "utf8", stdio: "pipe" });
  } catch (error) {
    // Each example fails by itself, with what concerns it.
    writeFileSync(join(folder, "errors.txt"), String((error as { stdout?: unknown }).stdout));
  }
});
after(() => rmSync(folder, { recursive: true, force: true }));

function compileErrors(name: string): string[] {
  try {
    return readFileSync(join(folder, "errors.txt"), "utf8")
      .split("\n")
      .filter((line) => line.includes(`${name}.ts`));
  } catch {
    return [];
  }
}

function pattern(prints: string): RegExp {
  const lines = prints.split("…").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${lines.join(".*")}$`, "s");
}

describe("examples of the documents", { concurrency: 2 }, () => {
  for (const { page, line, name, prints } of examples) {
    test(`docs/${page}, line ${line}`, async () => {
      assert.deepEqual(compileErrors(name), []);
      const { code, stdout, stderr } = await startNode([join(folder, `${name}.js`)], { cwd: projectRoot }).ended;
      assert.deepEqual([code, stderr], [0, ""], `${stdout}${stderr}`);
      if (prints !== undefined) assert.match(stdout, pattern(prints));
    });
  }
});
