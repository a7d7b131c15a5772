/** Variables that change: one for all functions of a message that see it, in whatever way one of them assigns it. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { isAssigned } from "#src/wire/assigned-names.js";
import { decodeSync, encode } from "#src/wire/codec.js";

const folder = mkdtempSync(join(tmpdir(), "changing-"));
after(() => rmSync(folder, { recursive: true }));
const require = createRequire(join(folder, "x.cjs"));

const again = <T>(value: T): T => decodeSync(encode(value).bytes) as T;

/** A way to assign `x`, from what it is given, and what `x` is then. */
const assignments: readonly (readonly [string, unknown, unknown])[] = [
  ["x = a;", 7, 7],
  ["x /* why */ = a;", 7, 7],
  ["x // why\n = a;", 7, 7],
  ["(x) = a;", 7, 7],
  ["\\u0078 = a;", 7, 7],
  ["x ||= a;", 7, 7],
  ["x ??= a; x **= 2;", 7, 0],
  ["x >>>= 0; x += a;", 7, 7],
  ["x++;", 7, 1],
  ["++x;", 7, 1],
  ["-- /* why */ x;", 7, -1],
  ["(x)++;", 7, 1],
  ["for (x of a);", [7], 7],
  ["for (x in a);", { q: 1 }, "q"],
  ["for ([x] of a);", [[7]], 7],
  ["for ({ y: x } of a);", [{ y: 7 }], 7],
  ["[x] = a;", [7], 7],
  ["[, ...x] = a;", [1, 7], [7]],
  ["[x = 3] = [];", 7, 3],
  ["({ x } = a);", { x: 7 }, 7],
  ["({ y: x } = a);", { y: 7 }, 7],
  ["({ 'y': x } = a);", { y: 7 }, 7],
  ["({ ['y']: x = 4 } = {});", 7, 4],
  ["({ ...x } = a);", { q: 7 }, { q: 7 }],
  ["({ y: { z: [, x] } } = a);", { y: { z: [0, 7] } }, 7],
  ["[\n x, // first; one\n] = a;", [7], 7],
  ["(function () { x = a; })();", 7, 7],
  ["(class { static { x = a; } });", 7, 7],
];

interface Pair {
  readonly read: () => unknown;
  readonly assign: (a: unknown) => void;
}

for (const [at, [code, given, expected]] of assignments.entries()) {
  test(`${JSON.stringify(code)} is seen by another function of the message, in a module and in a script`, async () => {
    // The only place in its file where it is assigned.
    const made = `function make() { let x\n= 0; return { read: () => x, assign: (a) => { ${code} } }; }`;
    writeFileSync(join(folder, `${at}.mjs`), `export const pair = (${made})();`);
    writeFileSync(join(folder, `${at}.cjs`), `exports.make = ${made}`);
    const module = (await import(pathToFileURL(join(folder, `${at}.mjs`)).href)) as { pair: Pair };
    for (const pair of [module.pair, (require(`./${at}.cjs`) as { make: () => Pair }).make()]) {
      const copy = again(pair);
      copy.assign(given);
      assert.deepEqual([copy.read(), pair.read()], [expected, 0]);
    }
  });
}

const typescript: readonly (readonly [string, boolean])[] = [
  ["let x: number = 0; const f = (a: any) => { (x as any) = a; };", true],
  ["let x: number = 0; const f = (a: any) => { x! = a; };", true],
  ["let x: number = 0; const f = (a: any) => { x! += a; };", true],
  ["let x: number = 0; const f = (a: any) => { (<any>x) = a; };", true],
  ["let x: number = 0; const f = (a: number[]) => { for (x of a); };", true],
  ["let x: number = 0; const f = async (a: number[]) => { for await (x of a); };", true],
  ["let x: number = 0; const f = (a: any) => { ({ y: [x] } = a); };", true],
  ["let x: number = 0; const f = (a: any) => { ({ y: [x = 1] = [] } = a); };", true],
  ["let x: number = 0; const f = (a: any) => { [, ...x] = a; };", true],
  ["let x: number = 0; const f = (): number => ++x;", true],
  ["let x: number = 0; const f = (): string => `${x++}`;", true],
  ["@dec() class C { @field() y = 1; set(a: number) { x = a; } }", true],
  ["const x: number = 0; const f = (): number[] => [x, x + 1];", false],
  ["const { x }: { x: number } = o; const f = (): object => ({ x, y: x });", false],
  ["const { x = 1, ...rest }: any = o; const f = (): number => x;", false],
  ["const [{ x = 1 }]: any = o; const f = (y = x): boolean => x === y;", false],
  ["for (const x of [1, 2] as number[]) { f((): number => x); }", false],
  ['const x: number = 0; const s = "x = 1"; // x = 2\nconst r: RegExp = /x = 3/;', false],
  ["const x: number = 0; o.x = 5; o?.y.x++; const f = <T,>(g: (y: T) => T) => x;", false],
];

test("TypeScript: what assigns a variable is seen, and what only declares it is not taken for that", () => {
  for (const [at, [text, expected]] of typescript.entries()) {
    const file = join(folder, `${at}.ts`);
    writeFileSync(file, `interface I { a: string }\ntype T<K> = K | I;\n${text}\n`);
    assert.equal(isAssigned("x", pathToFileURL(file).href), expected, text);
  }
});

test("what cannot be read as tokens, has no text, or has not the name, may be assigned", () => {
  writeFileSync(join(folder, "torn.ts"), "let x: number = 'torn\n");
  writeFileSync(join(folder, "plain.js"), "export const x = 1;");
  const url = (name: string): string => pathToFileURL(join(folder, name)).href;
  assert.equal(isAssigned("x", url("torn.ts")), true);
  assert.equal(isAssigned("x", url("gone.js")), true);
  assert.equal(isAssigned("_helper", url("plain.js")), true);
  assert.equal(isAssigned("x", url("plain.js")), false);
});

test("functions that only read share their variable with one that comes after them and assigns it", () => {
  const make = (): { first: () => number; second: () => number; up: () => number; last: () => number } => {
    let n = 0;
    return { first: () => n, second: () => n, up: () => ++n, last: () => n };
  };
  const [a, b] = [make(), make()];
  const copies = again({ a, b });
  copies.a.up();
  assert.deepEqual([copies.a.first(), copies.a.second(), copies.a.last()], [1, 1, 1]);
  assert.deepEqual([copies.b.first(), copies.b.second(), copies.b.last()], [0, 0, 0]);
  const once = again(copies);
  once.a.up();
  once.b.up();
  assert.deepEqual([once.a.first(), once.a.second(), once.b.second(), copies.a.second()], [2, 2, 1, 1]);
});

test("names that the library itself uses to find that out are the user's, and no function is run", () => {
  let runs = 0;
  const make = (process: number, Symbol: number): [() => number[], () => number] => {
    let v = 0;
    return [
      () => {
        runs++;
        return [v, process, Symbol];
      },
      () => {
        runs++;
        v = v + process;
        return Symbol;
      },
    ];
  };
  const [read, up] = again(make(2, 3));
  assert.equal(runs, 0);
  up();
  assert.deepEqual(read(), [2, 2, 3]);
});

test("a constant is not the variable of the same name that another function assigns", () => {
  const reader = (): (() => number) => {
    const same = 0;
    return () => same;
  };
  const writer = (): (() => number) => {
    let same = 0;
    return () => ++same;
  };
  const [read, write] = again([reader(), writer()] as const);
  assert.deepEqual([write(), read()], [1, 0]);
  const [first, then] = again([writer(), reader()] as const);
  assert.deepEqual([first(), then()], [1, 0]);
});
