/** SharedMemory: bytes under a name. The scenarios of CPython's own tests of it, and what it does not promise. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import fs, { existsSync, readdirSync, statSync, writeFileSync, unlinkSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { describe, test } from "node:test";
import { inspect } from "node:util";
import { MultiprocessingError, SharedMemory } from "#src/index.js";
import { leaveNothingBehind, ownNames } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";
import { projectRoot } from "../support/project.ts";
import { python, whyNoPython } from "../support/python.ts";

const inFolder = (name: string): string => join("/dev/shm", name);
const withCode = (code: string) => (error: unknown) => error instanceof MultiprocessingError && error.code === code;
let names = 0;
const newName = (): string => `test-${process.pid}-${names++}`;

describe("SharedMemory", () => {
  leaveNothingBehind();

  test("it is made with a name of its own, exactly the size asked for, all zeros", () => {
    const shared = SharedMemory.create({ size: 1001 });
    assert.ok(shared.name.startsWith(`nmp-${process.pid}-`) && !shared.name.includes("/"));
    assert.equal(shared.size, 1001);
    assert.ok(shared.buffer instanceof ArrayBuffer);
    assert.equal(shared.buffer.byteLength, 1001);
    assert.ok(new Uint8Array(shared.buffer).every((byte) => byte === 0));
    const { size, blocks, mode } = statSync(inFolder(shared.name));
    assert.deepEqual([size, blocks * 512, mode & 0o777], [1001, 4096, 0o600]);
    assert.equal(inspect(shared), `SharedMemory('${shared.name}', size=1001)`);
    shared.close();
    shared.unlink();
  });

  test("one name is one memory, whoever opens it and how often", () => {
    const name = newName();
    const shared = SharedMemory.create({ name, size: 512 });
    assert.equal(shared.name, name);
    const again = SharedMemory.open(name);
    assert.equal(again.size, 512);
    new Uint8Array(shared.buffer)[5] = 9;
    assert.equal(new Uint8Array(again.buffer)[5], 9);
    shared.close();
    assert.equal(new Uint8Array(again.buffer)[5], 9);
    again.close();
    shared.unlink();
    assert.throws(() => SharedMemory.open(name), withCode("ERR_MP_NOT_FOUND"));
  });

  test("close() detaches the buffer, twice is fine, and what is open stays usable after unlink()", () => {
    const shared = SharedMemory.create({ size: 16 });
    const bytes = new Uint8Array(shared.buffer);
    shared.unlink();
    bytes[0] = 1;
    assert.equal(bytes[0], 1);
    assert.ok(!existsSync(inFolder(shared.name)));
    shared.close();
    shared.close();
    assert.deepEqual([bytes.length, shared.buffer.byteLength, shared.size], [0, 0, 16]);
  });

  test("unlink() works after close(); a second one is an error, and never takes another's segment away", () => {
    const name = newName();
    const first = SharedMemory.create({ name, size: 16 });
    first.close();
    first.unlink();
    assert.throws(() => first.unlink(), withCode("ERR_MP_NOT_FOUND"));
    const second = SharedMemory.create({ name, size: 32 });
    assert.throws(() => first.unlink(), withCode("ERR_MP_NOT_FOUND"));
    assert.ok(existsSync(inFolder(name)));
    second.close();
    second.unlink();
  });

  test("`await using` closes it", async () => {
    const shared = SharedMemory.create({ size: 16 });
    await shared[Symbol.asyncDispose]();
    assert.equal(shared.buffer.byteLength, 0);
    shared.unlink();
  });

  test("a name that is in use is an error that leaves the other as it is", () => {
    const name = newName();
    const shared = SharedMemory.create({ name, size: 16 });
    const before = ownNames(readdirSync("/dev/shm"));
    assert.throws(() => SharedMemory.create({ name, size: 32 }), withCode("ERR_MP_ALREADY_EXISTS"));
    assert.deepEqual(ownNames(readdirSync("/dev/shm")), before);
    assert.equal(SharedMemory.open(name).size, 16);
    shared.unlink();
  });

  test("a name that is made up and, by chance, in use is left alone, and another one is made up", () => {
    const first = SharedMemory.create({ size: 16 });
    const digits = Buffer.from(first.name.slice(-8), "hex");
    const { readSync } = fs;
    let asked = 0;
    // Four random bytes end a name; other reads are none of ours.
    const sameAtFirst = (...read: Parameters<typeof readSync>): number => {
      const [, buffer] = read;
      if (buffer.byteLength !== digits.length || asked++ > 0) return readSync(...read);
      return digits.copy(buffer as Uint8Array);
    };
    Object.assign(fs, { readSync: sameAtFirst });
    syncBuiltinESMExports();
    let second: SharedMemory;
    try {
      second = SharedMemory.create({ size: 32 });
    } finally {
      Object.assign(fs, { readSync });
      syncBuiltinESMExports();
    }
    assert.equal(asked, 2);
    assert.notEqual(second.name, first.name);
    assert.deepEqual([SharedMemory.open(first.name).size, SharedMemory.open(second.name).size], [16, 32]);
    for (const each of [first, second]) each.unlink();
  });

  test("names and sizes that cannot be are errors at the door", () => {
    const bad = [
      () => SharedMemory.create({ size: 0 }),
      () => SharedMemory.create({ size: -1 }),
      () => SharedMemory.create({ size: 1.5 }),
      () => SharedMemory.create({ size: "8" as never }),
      () => SharedMemory.create(undefined as never),
      () => SharedMemory.create({} as never),
      () => SharedMemory.create({ size: 8, mode: 0 } as never),
      ...["", "a/b", "/a", "..", "a\0b", "x".repeat(254), "nmp-1-2-3-x", 7 as never].map(
        (name) => () => SharedMemory.create({ name, size: 8 }),
      ),
      () => SharedMemory.open(""),
      () => SharedMemory.open("../x"),
      () => SharedMemory.open("a\0b"),
      () => SharedMemory.open(undefined as never),
      () => new (SharedMemory as never as new (size: number) => unknown)(8),
    ];
    for (const each of bad) assert.throws(each, withCode("ERR_MP_INVALID_ARGUMENT"), String(each));
    const longest = SharedMemory.create({ name: newName().padEnd(253, "x"), size: 8 });
    longest.unlink();
  });

  test("a file that has no bytes yet is not opened", () => {
    const name = newName();
    writeFileSync(inFolder(name), "");
    assert.throws(() => SharedMemory.open(name), withCode("ERR_MP_INVALID_STATE"));
    unlinkSync(inFolder(name));
  });

  test("more than there is room for is an error that leaves nothing behind", () => {
    const before = ownNames(readdirSync("/dev/shm"));
    assert.throws(() => SharedMemory.create({ size: 2 ** 50 }), withCode("ERR_MP_OUT_OF_MEMORY"));
    assert.throws(() => SharedMemory.create({ name: newName(), size: 2 ** 52 }), withCode("ERR_MP_OUT_OF_MEMORY"));
    assert.deepEqual(ownNames(readdirSync("/dev/shm")), before);
  });

  const mayMount = spawnSync("unshare", ["-m", "mount", "-t", "tmpfs", "none", "/dev/shm"]).status === 0;
  test("a full /dev/shm is an error, not a crash", { skip: !mayMount && "no tmpfs can be mounted here" }, () => {
    const program = `
      import { SharedMemory } from ${JSON.stringify(join(projectRoot, "dist", "shared-memory.js"))};
      import fs from "node:fs";
      const first = SharedMemory.create({ size: 700_000 });
      const code = (make) => { try { make(); } catch (error) { return error.code; } };
      const small = SharedMemory.create({ name: "small", size: 100_000 });
      const found = [
        code(() => SharedMemory.create({ size: 400_000 })),
        code(() => SharedMemory.create({ name: "other", size: 400_000 })),
        fs.readdirSync("/dev/shm").length,
      ];
      new Uint8Array(first.buffer).fill(1);
      first.unlink(); first.close();
      await new Promise(setImmediate); // The mapping ends in the next turn of the event loop.
      SharedMemory.create({ size: 400_000 }).unlink();
      console.log(JSON.stringify(found));`;
    const mounted = 'mount -t tmpfs -o size=1m none /dev/shm && exec "$0" --input-type=module -e "$1"';
    const out = execFileSync("unshare", ["-m", "sh", "-c", mounted, process.execPath, program], { encoding: "utf8" });
    assert.deepEqual(JSON.parse(out), ["ERR_MP_OUT_OF_MEMORY", "ERR_MP_OUT_OF_MEMORY", 3]);
  });

  test("Python attaches what Node has made, and the other way round", { skip: whyNoPython }, () => {
    const shared = SharedMemory.create({ size: 1001 });
    new Uint8Array(shared.buffer).set([1, 2, 3]);
    const text = `
shm = attach(sys.argv[1])
print(json.dumps([shm.size, list(shm.buf[:3])]))
shm.buf[1000] = 77
shm.close()`;
    assert.deepEqual(JSON.parse(python(text, shared.name)), [1001, [1, 2, 3]]);
    assert.equal(new Uint8Array(shared.buffer)[1000], 77);
    assert.ok(existsSync(inFolder(shared.name)), "Python's end took it away");
    shared.unlink();

    const made = python(`
shm = untrack(shared_memory.SharedMemory(create=True, size=333))
shm.buf[:4] = b"node"
shm.close()
print(shm.name)`);
    const opened = SharedMemory.open(made);
    assert.equal(opened.size, 333);
    assert.equal(Buffer.from(opened.buffer, 0, 4).toString(), "node");
    opened.close();
    assert.ok(existsSync(inFolder(made)), "opening it took it away");
    opened.unlink();
  });
});

forEachStartMethod((context) => {
  leaveNothingBehind();

  test("it crosses by its name: in arguments, closures and results, and from a grandchild to its grandparent", async () => {
    const shared = SharedMemory.create({ size: 64 });
    const grandchild = (captured: SharedMemory): SharedMemory => {
      new Uint8Array(captured.buffer)[1] = 11;
      return captured;
    };
    const { Process } = context;
    const child = new Process({
      target: async (passed: SharedMemory) => {
        new Uint8Array(passed.buffer)[0] = new Uint8Array(shared.buffer).length;
        const other = new Process({ target: grandchild, args: [shared] });
        await other.start();
        const back = await other.result;
        await other.join();
        const own = SharedMemory.create({ size: 8 });
        new Uint8Array(own.buffer)[0] = new Uint8Array(back.buffer)[1]!;
        return own;
      },
      args: [shared],
    });
    await child.start();
    const made = await child.result;
    await child.join();
    assert.deepEqual([...new Uint8Array(shared.buffer)].slice(0, 2), [64, 11]);
    assert.equal(new Uint8Array(made.buffer)[0], 11, "what a child has made outlives it");
    for (const each of [shared, made]) {
      each.close();
      each.unlink();
    }
  });

  test("a child that opens it and is killed takes nothing away", async () => {
    const shared = SharedMemory.create({ size: 64 });
    const child = new context.Process({
      target: (passed: SharedMemory) => {
        new Uint8Array(passed.buffer)[0] = 5;
        process.kill(process.pid, "SIGKILL");
      },
      args: [shared],
    });
    await child.start();
    await child.join();
    assert.equal(new Uint8Array(shared.buffer)[0], 5);
    assert.equal(SharedMemory.open(shared.name).size, 64);
    shared.unlink();
  });

  test("one that was unlinked before it was received is an error that says so", async () => {
    const shared = SharedMemory.create({ size: 64 });
    shared.unlink();
    const child = new context.Process({
      target: (passed: SharedMemory) => passed.size,
      args: [shared],
      stdio: "ignore",
    });
    await child.start();
    await assert.rejects(child.result, withCode("ERR_MP_NOT_FOUND"));
    await child.join();
  });

  test("a child writes into it by its name, and by the object; its close() is its own, its unlink() everybody's", async () => {
    const shared = SharedMemory.create({ size: 512 });
    const write = (which: SharedMemory | string, text: string): [number, number] => {
      const theirs = typeof which === "string" ? SharedMemory.open(which) : which;
      Buffer.from(theirs.buffer).write(text);
      theirs.close();
      if (typeof which !== "string") theirs.unlink();
      return [theirs.size, theirs.buffer.byteLength];
    };
    for (const [which, text] of [
      [shared.name, "howdy"],
      [shared, "HELLO"],
    ] as const) {
      const child = new context.Process({ target: write, args: [which, text] });
      await child.start();
      assert.deepEqual(await child.result, [512, 0]);
      await child.join();
      assert.equal(Buffer.from(shared.buffer, 0, 5).toString(), text);
    }
    assert.throws(() => SharedMemory.open(shared.name), withCode("ERR_MP_NOT_FOUND"));
    assert.throws(() => shared.unlink(), withCode("ERR_MP_NOT_FOUND"));
    assert.equal(Buffer.from(shared.buffer, 0, 5).toString(), "HELLO");
    shared.close();
  });

  test("a child can neither make one of a name in use, nor open one of a name that is not", async () => {
    const shared = SharedMemory.create({ name: newName(), size: 16 });
    const target = (name: string): unknown[] =>
      [() => SharedMemory.create({ name, size: 8 }), () => SharedMemory.open(`${name}-not-there`)].map((call) => {
        try {
          return call().size;
        } catch (error) {
          return (error as { code: unknown }).code;
        }
      });
    const child = new context.Process({ target, args: [shared.name] });
    await child.start();
    assert.deepEqual(await child.result, ["ERR_MP_ALREADY_EXISTS", "ERR_MP_NOT_FOUND"]);
    await child.join();
    assert.equal(SharedMemory.open(shared.name).size, 16);
    shared.unlink();
  });
});
