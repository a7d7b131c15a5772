/** Types are part of the contract: what must not compile does not, and nothing becomes any. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Process } from "node-multiprocessing";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function is<T extends true>(): T | void {}

function dance(times: number, { pauseMs }: { pauseMs: number }): string {
  return `${times} ${pauseMs}`;
}
async function later(n: number): Promise<{ n: number }> {
  return { n };
}

test("args are the leading parameters, kwargs the options object; the result is what the target resolves to", () => {
  const made = new Process({ target: dance, args: [5], kwargs: { pauseMs: 200 } });
  is<Equal<typeof made.result, Promise<string>>>();
  const async = new Process({ target: later, args: [1] });
  is<Equal<typeof async.result, Promise<{ n: number }>>>();
  is<Equal<typeof made.exitCode, number | null>>();
  is<Equal<typeof made.pid, number | undefined>>();
  // @ts-expect-error -- a string is no number
  assert.ok(new Process({ target: dance, args: ["5"], kwargs: { pauseMs: 200 } }));
  // @ts-expect-error -- no such key
  assert.ok(new Process({ target: dance, args: [5], kwargs: { pause: 200 } }));
  // @ts-expect-error -- no such option
  assert.throws(() => new Process({ target: dance, args: [5], kwargs: { pauseMs: 1 }, retries: 1 }));
});

test("a subclass's run() gives the type of its result", () => {
  class Dancer extends Process {
    override run(): number {
      return 7;
    }
  }
  const dancer = new Dancer({ name: "d" });
  is<Equal<typeof dancer.result, Promise<number>>>();
  assert.equal(dancer.name, "d");
});
