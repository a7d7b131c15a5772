/** Types of pools are part of the contract: inferred from the function, and nothing becomes any. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { currentTask, Pool, ProcessPoolExecutor } from "node-multiprocessing";
import { Pool as FromSubpath } from "node-multiprocessing/pool";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function is<T extends true>(): T | void {}
function typeOf<T>(_make: () => T): T | void {}

function dance(times: number, { pauseMs }: { pauseMs: number }): string {
  return `${times} ${pauseMs}`;
}
async function later(n: number): Promise<{ n: number }> {
  return { n };
}
async function* numbers(): AsyncGenerator<number> {
  yield 1;
}

// Compiled, never run: what must not compile is marked so.
export function compiled(pool: Pool, executor: ProcessPoolExecutor): void {
  const submitted = typeOf(() => pool.submit(later, [1]));
  is<Equal<Exclude<typeof submitted, void> extends Promise<infer R> ? R : never, { n: number }>>();
  const applied = typeOf(() => pool.apply(dance, [1], { kwargs: { pauseMs: 5 } }));
  is<Equal<Exclude<typeof applied, void>, Promise<string>>>();
  const bare = typeOf(() => pool.submit(() => true));
  is<Equal<Exclude<typeof bare, void> extends Promise<infer R> ? R : never, boolean>>();
  const mapped = typeOf(() => pool.map(later, [1, 2]));
  is<Equal<Exclude<typeof mapped, void>, Promise<{ n: number }[]>>>();
  const inferred = typeOf(() => pool.map((text) => text.length, ["a"]));
  is<Equal<Exclude<typeof inferred, void>, Promise<number[]>>>();
  const fromAsync = typeOf(() => pool.map(later, numbers()));
  is<Equal<Exclude<typeof fromAsync, void>, Promise<{ n: number }[]>>>();
  const starred = typeOf(() => pool.starmap((a: number, b: string) => b.repeat(a), [[1, "a"]]));
  is<Equal<Exclude<typeof starred, void>, Promise<string[]>>>();
  const streamed = typeOf(() => pool.imap(later, numbers()));
  is<Equal<Exclude<typeof streamed, void>, AsyncIterableIterator<{ n: number }, undefined>>>();
  const unordered = typeOf(() => pool.imapUnordered((n: number) => String(n), new Set([1])));
  is<Equal<Exclude<typeof unordered, void>, AsyncIterableIterator<string, undefined>>>();
  const future = typeOf(() => executor.submit(dance, 1, { pauseMs: 5 }));
  is<Equal<Exclude<typeof future, void> extends Promise<infer R> ? R : never, string>>();
  const rows = typeOf(() => executor.map((a: number, b: string) => a + b, [1], ["a"]));
  is<Equal<Exclude<typeof rows, void>, AsyncIterableIterator<string, undefined>>>();
  const state = typeOf(() => currentTask<{ db: string }>()!.state);
  is<Equal<Exclude<typeof state, void>, { db: string }>>();
  const unknownState = typeOf(() => currentTask()!.state);
  is<Equal<typeof unknownState, unknown>>();

  // @ts-expect-error -- a string is no number
  void pool.submit(later, ["1"]);
  // @ts-expect-error -- an argument is missing
  void pool.submit(later);
  // @ts-expect-error -- no such key
  void pool.submit(dance, [1], { kwargs: { pause: 5 } });
  // @ts-expect-error -- a wrong item
  void pool.map(later, ["1"]);
  // @ts-expect-error -- a wrong item of an async iterable
  void pool.imap((text: string) => text, numbers());
  // @ts-expect-error -- a tuple of the wrong kind
  void pool.starmap((a: number, b: string) => b.repeat(a), [[1, 2]]);
  // @ts-expect-error -- no such option
  void pool.map(later, [1], { buffer: 5 });
  // @ts-expect-error -- a wrong argument
  void executor.submit(later, "1");
  // @ts-expect-error -- initArgs are the initializer's
  void new Pool(1, { initializer: later, initArgs: ["1"] } satisfies { initializer: typeof later; initArgs: [number] });
}

test("the subpath and the main door lead to one class; types hold where they are compiled", () => {
  assert.equal(FromSubpath, Pool);
  assert.equal(typeof compiled, "function");
});
