/** A compiler written in JavaScript: TypeScript in, JavaScript out, and that is run. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { runInThisContext } from "node:vm";

interface Compiler {
  transpileModule(text: string, options: object): { readonly outputText: string };
}

export function transpile(functions: number): number {
  const compiler = createRequire(import.meta.url)("typescript-6") as Compiler;
  const text = Array.from(
    { length: functions },
    (_, n) => `export function f${n}<T extends number>(x: T): number { return x + ${n} as number; }`,
  ).join("\n");
  const { outputText } = compiler.transpileModule(text, { compilerOptions: { module: 1, target: 9 } });
  const made: Record<string, (x: number) => number> = {};
  runInThisContext(`(exports) => {${outputText}\n}`)(made);
  const last = made[`f${functions - 1}`]!(1);
  assert.equal(last, functions);
  return last;
}
