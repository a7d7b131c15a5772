/** Types of pools are part of the contract: inferred from the function, and nothing becomes any. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { currentTask, Pool, ProcessPoolExecutor, type Task } from "node-multiprocessing";
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
  void new Pool(1, { initializer: later, initArgs: ["1"] });
  // @ts-expect-error -- initArgs are the initializer's
  void new ProcessPoolExecutor(1, { initializer: later, initArgs: ["1"] });
  const initialized: Pool = new Pool(1, { initializer: later, initArgs: [1] }); // Nobody else has to name its type.
  void initialized;
}

/** The same for each call: sync, async, optional, rest, kwargs; an item of the wrong type. */
export async function eachCall(pool: Pool, executor: ProcessPoolExecutor): Promise<void> {
  const sync = (n: number): string => String(n);
  const maybe = (a: number, b?: string): Promise<number | undefined> | number =>
    b === undefined ? a : later(a).then(() => a);
  const sum = (...all: number[]): number => all.length;
  const pairs = async function* (): AsyncGenerator<[number, string]> {
    yield [1, "a"];
  };

  const task = pool.submit(sync, [1]);
  is<Equal<typeof task, Task<string>>>();
  const promised = pool.submit(later, [1]);
  is<Equal<typeof promised, Task<{ n: number }>>>();
  is<Equal<Awaited<ReturnType<typeof pool.apply<typeof maybe>>>, number | undefined>>();
  const withOptional = pool.apply(maybe, [1, "b"]);
  is<Equal<typeof withOptional, Promise<number | undefined>>>();
  const withRest = pool.apply(sum, [1, 2, 3]);
  is<Equal<typeof withRest, Promise<number>>>();
  const nothing = pool.apply(() => {});
  is<Equal<typeof nothing, Promise<void>>>();
  const unknownResult = pool.apply((): unknown => 1);
  is<Equal<typeof unknownResult, Promise<unknown>>>();

  const mixed = pool.map((x: number | string) => [x], [1, "a"]);
  is<Equal<typeof mixed, Promise<(number | string)[][]>>>();
  const rows = pool.starmap(maybe, pairs());
  is<Equal<typeof rows, Promise<(number | undefined)[]>>>();
  const rested = pool.starmap(sum, [[1], [1, 2], []]);
  is<Equal<typeof rested, Promise<number[]>>>();
  const keyed = pool.starmap(dance, [[1, { pauseMs: 5 }]]);
  is<Equal<typeof keyed, Promise<string[]>>>();
  const fromMap = pool.starmap((key: string, value: number) => key.repeat(value), new Map([["a", 2]]));
  is<Equal<typeof fromMap, Promise<string[]>>>();
  for await (const item of pool.imap(sync, numbers())) is<Equal<typeof item, string>>();
  for await (const item of pool.imapUnordered(later, [1])) is<Equal<typeof item, { n: number }>>();
  for await (const item of pool.imapUnordered((n) => [n], numbers())) is<Equal<typeof item, number[]>>();
  for await (const item of executor.map(later, numbers())) is<Equal<typeof item, { n: number }>>();
  for await (const item of executor.map(maybe, [1], ["a"])) is<Equal<typeof item, number | undefined>>();
  const future = executor.submit(later, 1);
  is<Equal<typeof future, Task<{ n: number }>>>();

  // @ts-expect-error -- a wrong argument
  void pool.apply(sync, ["1"]);
  // @ts-expect-error -- one too many
  void pool.apply(sync, [1, 2]);
  // @ts-expect-error -- the options object is missing
  void pool.apply(dance, [1]);
  // @ts-expect-error -- no list of arguments
  void pool.submit(sync, 1);
  // @ts-expect-error -- one of the items is wrong
  void pool.map(sync, [1, "2"]);
  // @ts-expect-error -- wrong items of an async iterable
  void pool.map((text: string) => text, numbers());
  // @ts-expect-error -- no iterable
  void pool.map(sync, 5);
  // @ts-expect-error -- a tuple that is too short
  void pool.starmap((a: number, b: string) => b.repeat(a), [[1]]);
  // @ts-expect-error -- a tuple that is too long
  void pool.starmap(sync, [[1, 2]]);
  // @ts-expect-error -- items that are no tuples
  void pool.starmap(sync, [1]);
  // @ts-expect-error -- wrong tuples of an async iterable
  void pool.starmap((a: string, b: string) => a + b, pairs());
  // @ts-expect-error -- a wrong item
  void pool.imap(sync, ["1"]);
  // @ts-expect-error -- a wrong item
  void pool.imapUnordered(sync, ["1"]);
  // @ts-expect-error -- wrong items of an async iterable
  void pool.imapUnordered((text: string) => text, numbers());
  // @ts-expect-error -- an argument is missing
  void executor.submit(sync);
  // @ts-expect-error -- a wrong item
  void executor.map(sync, ["1"]);
  // @ts-expect-error -- a wrong item in the second list
  void executor.map((a: number, b: string) => b.repeat(a), [1], [2]);
  // @ts-expect-error -- a list is missing
  void executor.map((a: number, b: string) => b.repeat(a), [1]);
  // @ts-expect-error -- no result is what it is not
  const wrong: Promise<number> = pool.apply(sync, [1]);
  void wrong;
}

test("the subpath and the main door lead to one class; types hold where they are compiled", () => {
  assert.equal(FromSubpath, Pool);
  assert.equal(typeof compiled, "function");
  assert.equal(typeof eachCall, "function");
});
