/** ShareableList: Python's list in shared memory, byte for byte. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { inspect } from "node:util";
import { MultiprocessingError, ShareableList, SharedMemory, type ShareableValue } from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";
import { python, whyNoPython } from "../support/python.ts";

const withCode = (code: string) => (error: unknown) => error instanceof MultiprocessingError && error.code === code;

function free(...lists: ShareableList[]): void {
  for (const list of lists) {
    list.close();
    list.shm.unlink();
  }
}

/** As CPython's own test has it. */
const sample: ShareableValue[] = [
  "howdy",
  Buffer.from("HoWdY"),
  -273.154,
  100,
  null,
  true,
  42,
  "",
  "ÄÖ€😀",
  new Uint8Array([0, 1, 255]),
  2n ** 62n,
  -(2n ** 63n),
  Number.MAX_SAFE_INTEGER,
  false,
  Infinity,
  -0,
];

/** Buffers are read back as plain Uint8Arrays. */
function plain(values: readonly ShareableValue[]): ShareableValue[] {
  return values.map((value) => (value instanceof Uint8Array ? new Uint8Array(value) : value));
}

describe("ShareableList", () => {
  leaveNothingBehind();

  test("every kind of element is read back as it was given, here and where it is opened", () => {
    const list = new ShareableList(sample);
    const opened = ShareableList.open(list.shm.name);
    assert.deepEqual([...list], plain(sample));
    assert.deepEqual([...opened], plain(sample));
    assert.deepEqual([list.length, opened.length], [sample.length, sample.length]);
    assert.equal(list.format.slice(0, 26), "8s8sdqxxxxxx?xxxxxxxx?q8s1");
    assert.throws(() => opened.get(sample.length), withCode("ERR_MP_INVALID_ARGUMENT"));
    opened.close();
    free(list);
  });

  test("elements are reached by get, set and at, and by their index", () => {
    const list = ShareableList.create([1, 2, 3]);
    assert.deepEqual(
      [list.get(0), list.get(-1), list.at(-3), list.at(3), list[1], list[3]],
      [1, 3, 1, undefined, 2, undefined],
    );
    list.set(-1, 33);
    list[0] = 11;
    assert.deepEqual([...list], [11, 2, 33]);
    assert.throws(() => {
      list[3] = 1;
    });
    for (const index of [3, -4, 0.5, NaN, "0" as never]) {
      assert.throws(() => list.set(index, 1), withCode("ERR_MP_INVALID_ARGUMENT"), String(index));
    }
    free(list);
  });

  test("an element may become another kind; one that does not fit its slot is an error that changes nothing", () => {
    const list = new ShareableList(["12345678", 1, 0.5, null]);
    assert.equal(list.format, "16sqdxxxxxx?x");
    list[0] = "äöüäöüäö"; // 16 bytes
    assert.equal(list[0], "äöüäöüäö");
    assert.throws(() => list.set(0, "äöüäöüäöü"), withCode("ERR_MP_INVALID_ARGUMENT"));
    assert.throws(() => list.set(1, "123456789"), withCode("ERR_MP_INVALID_ARGUMENT"));
    assert.deepEqual([list[0], list[1]], ["äöüäöüäö", 1]);
    list[1] = "12345678";
    list[0] = 7;
    list[3] = false;
    assert.equal(list.format, "q8sdxxxxxxx?");
    list[0] = "again 16 bytes!!";
    assert.deepEqual([...list], ["again 16 bytes!!", "12345678", 0.5, false]);
    free(list);
  });

  test("a value that is too long for its slot spills into no other, and a list is copied by its values", () => {
    const list = new ShareableList(["howdy", Buffer.from("HoWdY"), -273.154, 100, null, true, 42]);
    const { format } = list;
    list[0] = "howdy";
    assert.equal(list.format, format);
    list[0] = "encodés"; // 8 bytes
    assert.throws(() => (list[0] = "encodées"), withCode("ERR_MP_INVALID_ARGUMENT"));
    assert.throws(() => (list[1] = Buffer.from("123456789")), withCode("ERR_MP_INVALID_ARGUMENT"));
    list[4] = "some";
    assert.throws(() => (list[4] = "far too many"), withCode("ERR_MP_INVALID_ARGUMENT"));
    const values = ["encodés", new Uint8Array(Buffer.from("HoWdY")), -273.154, 100, "some", true, 42];
    assert.deepEqual([...list], values);
    const copy = new ShareableList(list);
    // Python counts characters for a slot, which is then full of the 8 bytes of a copied "encodés"; ours has room for more.
    assert.deepEqual([[...copy], copy.format], [values, list.format.replace(/^8s/, "16s")]);
    copy.set(-1, 77);
    assert.deepEqual([copy.get(-1), list.get(-1)], [77, 42]);
    const empty = new ShareableList();
    assert.deepEqual([empty.format, empty.count("any")], ["", 0]);
    assert.throws(() => empty.index(null), withCode("ERR_MP_INVALID_ARGUMENT"));
    free(list, copy, empty);
  });

  test("a number put where a float was stays a float; elsewhere whole numbers are integers", () => {
    const list = new ShareableList([0.5, 1]);
    list[0] = 3;
    list[1] = 2.5;
    assert.equal(list.format, "dd");
    list[0] = 3n;
    assert.equal(list.format, "qd");
    assert.deepEqual([...list], [3, 2.5]);
    free(list);
  });

  test("count, index and indexOf compare by value", () => {
    const list = new ShareableList(["a", 1, "a", new Uint8Array([1]), 2n ** 60n, NaN, null]);
    assert.deepEqual(
      [
        list.count("a"),
        list.count(1n),
        list.count(new Uint8Array([1])),
        list.count(NaN),
        list.count(null),
        list.count(7),
      ],
      [2, 1, 1, 1, 1, 0],
    );
    assert.deepEqual([list.index("a"), list.index(2n ** 60n), list.indexOf(7)], [0, 4, -1]);
    assert.throws(() => list.index(7), withCode("ERR_MP_INVALID_ARGUMENT"));
    free(list);
  });

  test("an empty one, one with a name, and what it says of itself", () => {
    const empty = new ShareableList();
    assert.deepEqual([empty.length, [...empty], empty.shm.size], [0, [], 16]);
    const name = `test-list-${process.pid}`;
    const named = new ShareableList([1, "x"], { name });
    assert.equal(named.shm.name, name);
    assert.equal(inspect(named), `ShareableList([ 1, 'x' ], name='${name}')`);
    const opened = new ShareableList(null, { name });
    assert.deepEqual([...opened], [1, "x"]);
    assert.throws(() => new ShareableList([], { name }), withCode("ERR_MP_ALREADY_EXISTS"));
    opened.close();
    assert.throws(() => opened.get(0), withCode("ERR_MP_CLOSED"));
    free(empty, named);
  });

  test("what cannot be in one is an error at the door, and nothing is left", () => {
    const bad: unknown[] = [
      undefined,
      {},
      [],
      () => {},
      Symbol("s"),
      2n ** 63n,
      "\ud800",
      "ends in zero\0",
      new Uint8Array([1, 0]),
    ];
    for (const value of bad) {
      assert.throws(() => new ShareableList([value as never]), withCode("ERR_MP_INVALID_ARGUMENT"), inspect(value));
    }
    assert.throws(() => new ShareableList(5 as never), withCode("ERR_MP_INVALID_ARGUMENT"));
    assert.throws(() => ShareableList.open(undefined as never), withCode("ERR_MP_INVALID_ARGUMENT"));
  });

  test("a segment that holds no list is not opened as one", () => {
    for (const fill of [0xff, 0x01, 0x7f]) {
      const shared = SharedMemory.create({ size: 333 });
      new Uint8Array(shared.buffer).fill(fill);
      assert.throws(() => ShareableList.open(shared.name), withCode("ERR_MP_MALFORMED_MESSAGE"));
      shared.close();
      shared.unlink();
    }
  });

  test("Python reads what Node writes, element by element, and answers", { skip: whyNoPython }, () => {
    const list = new ShareableList(sample);
    const said = python(
      `
sl = attach_list(sys.argv[1])
print(json.dumps([repr(list(sl)), sl.format, sl.shm.size]))
sl[0] = "hello"
sl[1] = b"bytes"
sl[2] = 0.25
sl[3] = 2**60
sl[4] = True
sl[5] = None
sl[6] = "as text"
sl.shm.close()`,
      list.shm.name,
    );
    const expected = `['howdy', b'HoWdY', -273.154, 100, None, True, 42, '', 'ÄÖ€😀', b'\\x00\\x01\\xff', ${2n ** 62n}, ${-(2n ** 63n)}, ${Number.MAX_SAFE_INTEGER}, False, inf, -0.0]`;
    // Python makes a slot of 8 characters for the four of "ÄÖ€😀", which are 11 bytes: ours has room for all.
    assert.deepEqual(JSON.parse(said), [expected, "8s8sdqxxxxxx?xxxxxxxx?q8s16s8sqqqxxxxxxx?dd", list.shm.size]);
    assert.deepEqual([...list].slice(0, 7), [
      "hello",
      new Uint8Array(Buffer.from("bytes")),
      0.25,
      2n ** 60n,
      true,
      null,
      "as text",
    ]);
    free(list);
  });

  test("Node reads what Python writes, and answers", { skip: whyNoPython }, () => {
    const [name, size] = JSON.parse(
      python(`
sl = shared_memory.ShareableList(["howdy", b"HoWdY", -273.154, 100, None, True, 42, "", "a" * 16, -(2**63)])
untrack(sl.shm)
print(json.dumps([sl.shm.name, sl.shm.size]))
sl.shm.close()`),
    ) as [string, number];
    const list = ShareableList.open(name);
    const values = ["howdy", Buffer.from("HoWdY"), -273.154, 100, null, true, 42, "", "a".repeat(16), -(2n ** 63n)];
    assert.deepEqual([...list], plain(values));
    const ours = new ShareableList(values);
    assert.deepEqual([ours.shm.size, ours.format], [size, list.format], "the same layout");
    list[0] = 1;
    list[1] = "text";
    list[2] = 4;
    list[4] = new Uint8Array([1, 2]);
    list[5] = 0.5;
    list[8] = null;
    const said = python(`print(repr(list(attach_list(sys.argv[1]))))`, name);
    assert.equal(said, `[1, 'text', 4.0, 100, b'\\x01\\x02', 0.5, 42, '', None, ${-(2n ** 63n)}]`);
    free(ours, list);
  });
});

forEachStartMethod((context) => {
  leaveNothingBehind();

  test("it crosses by its name, in arguments, closures and results", async () => {
    const list = new ShareableList([0, "grows"]);
    const child = new context.Process({
      target: (passed: ShareableList) => {
        passed[0] = passed.length;
        list[1] = "g";
        return list;
      },
      args: [list],
    });
    await child.start();
    const back = await child.result;
    await child.join();
    assert.deepEqual([...list], [2, "g"]);
    assert.equal(back.shm.name, list.shm.name);
    back.close();
    free(list);
  });

  test("what one process puts into it, of whatever kind, the other one reads, of any length of list", async () => {
    const list = new ShareableList(Array.from({ length: 400 }, (_, n) => n));
    const child = new context.Process({
      target: (theirs: ShareableList) => {
        const last = theirs.get(-1);
        theirs[4] = "changed";
        theirs[5] = null;
        theirs.set(-1, new Uint8Array([1, 2]));
        return [last, theirs[3], theirs.count("changed"), theirs.index("first")];
      },
      args: [list],
    });
    list[3] = "first";
    await child.start();
    assert.deepEqual(await child.result, [399, "first", 1, 3]);
    await child.join();
    assert.deepEqual([list[4], list[5], list[399], list[6]], ["changed", null, new Uint8Array([1, 2]), 6]);
    free(list);
  });

  test("one that was unlinked before it was received is an error that says so", async () => {
    const list = new ShareableList([1, 2]);
    list.shm.unlink();
    const child = new context.Process({
      target: (theirs: ShareableList) => theirs.length,
      args: [list],
      stdio: "ignore",
    });
    await child.start();
    await assert.rejects(child.result, withCode("ERR_MP_NOT_FOUND"));
    await child.join();
    list.close();
  });
});
