/** Subclasses of Process that override run(), as in Python. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { currentProcess, Process } from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";

forEachStartMethod((context) => {
  leaveNothingBehind();
  const Base = context.Process;
  type Base = Process;

  class Dancer extends Base {
    readonly times: number;
    readonly steps: string[] = [];
    partner: Dancer | undefined;

    constructor(times: number, name?: string) {
      super({ name });
      this.times = times;
    }

    step(n: number): string {
      return `step ${n}`;
    }

    override run(): unknown {
      for (let n = 0; n < this.times; n++) this.steps.push(this.step(n));
      return {
        steps: this.steps,
        name: this.name,
        pid: this.pid === process.pid,
        itself: currentProcess() === (this as unknown),
        isDancer: this instanceof Dancer && this instanceof Process,
        text: String(this),
        partner: this.partner?.name,
      };
    }
  }

  class Tango extends Dancer {
    override step(n: number): string {
      return `tango ${super.step(n)}`;
    }
  }

  test("run() is called in the child on a copy of the object, with its fields and methods", async () => {
    const dancer = new Tango(2, "d");
    dancer.partner = new Dancer(1, "the partner");
    await dancer.start();
    assert.deepEqual(await dancer.result, {
      steps: ["tango step 0", "tango step 1"],
      name: "d",
      pid: true,
      itself: true,
      isDancer: true,
      text: `<Tango name='d' pid=${dancer.pid} parent=${process.pid} started>`,
      partner: "the partner",
    });
    await dancer.join();
    assert.deepEqual(dancer.steps, []);
  });

  test("a subclass's default name is its own, as in Python", () => {
    assert.match(new Dancer(1).name, /^Dancer-\d+$/);
  });

  test("a subclass may call super.run() to run the target", async () => {
    class Louder extends Base<(word: string) => string> {
      override run(): string {
        return `${super.run()}!`;
      }
    }
    const louder = new Louder({ target: (word) => word.toUpperCase(), args: ["hey"] });
    await louder.start();
    assert.equal(await louder.result, "HEY!");
    await louder.join();
  });

  test("a subclass whose class captures the very instance can be started", async () => {
    const known: Base[] = [];
    class Knowing extends Base {
      override run(): unknown {
        return [known.length, known[0] === this];
      }
    }
    known.push(new Knowing());
    await known[0]!.start();
    assert.deepEqual(await known[0]!.result, [1, true]);
    await known[0]!.join();
  });
});
