/** A class that comes to a process more than once is one class there, as long as its copies are the same. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Pipe, Pool, Process, Queue, type Connection } from "#src/index.js";
import { decodeSync, encode } from "#src/wire/codec.js";
import { forEachStartMethod } from "../support/methods.ts";

const again = <T>(value: T): T => decodeSync(encode(value).bytes) as T;

const units = { m: 1, km: 1000 };
const scaled = (n: number): number => n * units.km;

class Shape {
  static unit = "km";
  static #made = 0;
  size: number;
  constructor(size: number) {
    this.size = size;
  }
  static get made(): number {
    return Shape.#made;
  }
  static count(): number {
    return ++Shape.#made;
  }
  area(): number {
    return scaled(this.size);
  }
  twin(): Shape {
    return new Circle(this.size);
  }
}
class Circle extends Shape {
  static readonly corners = [0];
  override area(): number {
    return super.area() * 3;
  }
}
class Wrong extends Error {
  readonly shape = new Circle(1);
}
class VeryWrong extends Wrong {}

const seen = (value: unknown): unknown[] => [
  value instanceof Circle,
  value instanceof Shape,
  (value as { constructor: unknown }).constructor === Circle,
  (value as Circle).area(),
];
const asCircle = [true, true, true, 6000];

forEachStartMethod(({ Process: Child }, method) => {
  test("what comes by argument, queue and pipe is an instance of the class that the target knows", async () => {
    const queue = new Queue<Shape>();
    const [near, far] = Pipe<unknown>();
    const child = new Child({
      target: async (given: Shape, items: Queue<Shape>, pipe: Connection<unknown>) => {
        const found = [seen(given), seen(await items.get()), seen(await pipe.recv())];
        for (const fail of [() => pipe.recv(), () => pipe.recv()]) {
          const error = await fail();
          found.push([error instanceof Wrong, error instanceof VeryWrong, seen((error as Wrong).shape)]);
        }
        return found;
      },
      args: [new Circle(2), queue, far],
    });
    await child.start();
    await queue.put(new Circle(2));
    await near.send(new Circle(2));
    await near.send(new Wrong("first"));
    await near.send(new VeryWrong("second"));
    const circle = [true, true, true, 3000];
    assert.deepEqual(await child.result, [asCircle, asCircle, asCircle, [true, false, circle], [true, true, circle]]);
    await child.join();
  });

  test("a pool's worker knows one class in functions, arguments, its initializer and results of its own", async () => {
    await using pool = new Pool(1, {
      startMethod: method,
      initializer: () => ({ Circle }),
    });
    const first = await pool.apply((shape: Shape) => seen(shape), [new Circle(2)]);
    assert.deepEqual(first, asCircle);
    const fail = (): never => {
      throw new VeryWrong("in the worker");
    };
    await assert.rejects(pool.apply(fail), (error) => error instanceof VeryWrong && error.shape instanceof Circle);
    const nested = await pool.apply(async () => {
      await using inner = new Pool(1);
      const error: unknown = await inner.apply(fail).catch((why: unknown) => why);
      const shape = await inner.apply(() => new Circle(2));
      const list = await inner.map((each: Shape) => each instanceof Circle, [shape]);
      return [error instanceof VeryWrong, error instanceof Wrong, seen(shape), ...list];
    });
    assert.deepEqual(nested, [true, true, asCircle, true]);
  });

  test("what a sibling or a grandchild makes is of the class that each other knows, and at home of the original", async () => {
    const queue = new Queue<Shape>();
    const back = new Queue<Shape>();
    const maker = new Child({
      target: async () => {
        const further = new Process({ target: () => queue.put(new Circle(2)) });
        await further.start();
        await further.result;
        await further.join();
        await queue.put(new Circle(2));
      },
    });
    const taker = new Child({
      target: async () => {
        const items = [await queue.get(), await queue.get()];
        for (const item of items) await back.put(item);
        return items.map(seen);
      },
    });
    await Promise.all([maker.start(), taker.start()]);
    await maker.result;
    assert.deepEqual(await taker.result, [asCircle, asCircle]);
    assert.deepEqual([seen(await back.get()), seen(await back.get())], [asCircle, asCircle]);
    await Promise.all([maker.join(), taker.join()]);
  });

  test("a class that has changed, here or there, is two classes", async () => {
    class Counter {
      static n = 0;
      n = 0;
    }
    const queue = new Queue<Counter>();
    const child = new Child({
      target: async () => {
        const same = (await queue.get()) instanceof Counter;
        Counter.n = 5;
        const changed = await queue.get();
        return [same, changed instanceof Counter, (changed.constructor as typeof Counter).n, Counter.n];
      },
    });
    await child.start();
    await queue.put(new Counter());
    await queue.put(new Counter());
    assert.deepEqual(await child.result, [true, false, 0, 5]);
    await child.join();
  });
});

test("each difference makes a class of its own: static, private static, captured, on the prototype, frozen", () => {
  const table: Record<string, number> = { a: 1 };
  class Plain {
    static level = 1;
    static #secret = 1;
    static set secret(value: number) {
      Plain.#secret = value;
    }
    static get secret(): number {
      return Plain.#secret;
    }
    read(): unknown {
      return table;
    }
  }
  const prototype = Plain.prototype as Plain & { extra?: unknown };
  const same = (): boolean => again(Plain) === first;
  const first = again(Plain);
  assert.equal(same(), true);
  for (const [change, undo] of [
    [() => (Plain.level = 2), () => (Plain.level = 1)],
    [() => (Plain.secret = 2), () => (Plain.secret = 1)],
    [() => (table["b"] = 2), () => delete table["b"]],
    [() => (prototype.extra = 1), () => delete prototype.extra],
    [() => (first.level = 3), () => (first.level = 1)],
    [() => (first.secret = 3), () => (first.secret = 1)],
    [() => ((new first().read() as typeof table)["c"] = 1), () => delete (new first().read() as typeof table)["c"]],
    [() => ((first.prototype as { read: unknown }).read = () => 1), undefined],
  ] as const) {
    change();
    assert.equal(same(), false, String(change));
    undo?.();
    if (undo !== undefined) assert.equal(same(), true, String(undo));
  }
});

test("a class that shares a variable that changes, or an object with what stands before it, stays with its message", () => {
  let calls = 0;
  class Calling {
    call(): number {
      return ++calls;
    }
  }
  const read = (): number => calls;
  const [One, readOne] = again([Calling, read] as const);
  const [Two, readTwo] = again([Calling, read] as const);
  assert.notEqual(One, Two);
  new One().call();
  assert.deepEqual([readOne(), readTwo()], [1, 0]);

  const log: number[] = [];
  class Logging {
    log(n: number): void {
      log.push(n);
    }
  }
  for (const makeMessage of [() => [log, Logging] as const, () => [Logging, log] as const]) {
    again(Logging);
    const message = again(makeMessage());
    const Copy = message.find((each) => typeof each === "function")!;
    new Copy().log(1);
    assert.deepEqual(
      message.find((each) => Array.isArray(each)),
      [1],
    );
  }
});

test("functions are copies of their own at each send, and what one changes the other does not see", () => {
  const counts = { n: 0 };
  const count = (): number => ++counts.n;
  const [one, two] = [again(count), again(count)];
  assert.notEqual(one, two);
  assert.deepEqual([one(), two(), one()], [1, 1, 2]);
});

test("classes that hold each other, and many of them, are one when all of them are the same", () => {
  const made = Array.from({ length: 50 }, (_, place) => {
    const each = class {
      next(): unknown {
        return made[(place + 1) % made.length];
      }
    };
    return each;
  });
  const sixth = (Copy: (typeof made)[number]): (typeof made)[number] => {
    let at = Copy;
    for (let n = 0; n < 6; n++) at = new at().next() as typeof at;
    return at;
  };
  const first = again(made[0]!);
  const [Second, further] = again([made[0]!, made[6]!] as const);
  assert.deepEqual([Second === first, further === sixth(first)], [true, true]);
  Object.assign(made[40]!, { other: true });
  const [Third, changed] = again([made[0]!, made[40]!] as const);
  assert.notEqual(Third, first);
  assert.equal((changed as { other?: boolean }).other, true);
});

test("copies that nobody uses are let go", async () => {
  const { setFlagsFromString } = await import("node:v8");
  const { runInNewContext } = await import("node:vm");
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  class Short {
    static n = 0;
  }
  const refs = Array.from({ length: 20 }, (_, n) => {
    Short.n = n;
    return new WeakRef(again(Short));
  });
  for (let round = 0; round < 50 && refs.some((each) => each.deref() !== undefined); round++) {
    await new Promise((resolve) => setImmediate(resolve));
    gc();
  }
  assert.deepEqual(
    refs.filter((each) => each.deref() !== undefined),
    [],
  );
});
