/** Contexts and the choice of a start method. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as everything from "#src/index.js";
import { cpuCount, getAllStartMethods, getContext, getStartMethod, Pool, Process, setStartMethod } from "#src/index.js";

test("a context is the whole API bound to one start method", () => {
  for (const method of getAllStartMethods()) {
    const context = getContext(method);
    assert.equal(context.getStartMethod(), method);
    const process_ = new context.Process({ target: () => 1 });
    assert.ok(process_ instanceof Process);
    assert.match(process_.name, /^Process-\d+$/);
    assert.match(String(process_), /^<Process name=/);
    assert.equal(context.cpuCount(), cpuCount());
    assert.equal(getContext(method).Process, context.Process);
  }
  assert.equal(getContext().Process, Process);
});

test("a context has all that the top level has, but its errors and the choice of a method", () => {
  const context = getContext(getAllStartMethods()[0]!);
  const missing = Object.entries(everything).filter(
    ([name, value]) =>
      !(name in context) &&
      !((value as { prototype?: unknown }).prototype instanceof Error) &&
      name !== "setStartMethod",
  );
  assert.deepEqual(
    missing.map(([name]) => name).filter((name) => !["Connection", "Guard", "currentTask"].includes(name)),
    [],
  );
});

test("a context's Pool starts its workers by the context's method", async () => {
  for (const method of getAllStartMethods()) {
    await using pool = new (getContext(method).Pool)(1);
    assert.ok(pool instanceof Pool);
    assert.equal(await pool.apply(() => process.argv0 !== "" && 7), 7);
    const [worker] = pool.statistics().workers;
    const command = readFileSync(`/proc/${worker!.pid}/cmdline`, "utf8");
    assert.equal(command.includes("child-main"), method === "spawn", command);
  }
});

test("an unknown start method is refused", () => {
  for (const wrong of ["thread", "", null, 3]) {
    assert.throws(() => getContext(wrong as never), { code: "ERR_MP_INVALID_ARGUMENT" });
    assert.throws(() => setStartMethod(wrong as never), { code: "ERR_MP_INVALID_ARGUMENT" });
  }
  assert.throws(() => setStartMethod(undefined as never), { code: "ERR_MP_INVALID_ARGUMENT" });
});

test("the start method is chosen once, unless by force", () => {
  const usual = getStartMethod();
  assert.equal(usual, getAllStartMethods()[0]);
  setStartMethod("spawn");
  assert.equal(getStartMethod(), "spawn");
  assert.throws(() => setStartMethod("spawn"), { code: "ERR_MP_INVALID_STATE" });
  setStartMethod(usual, { force: true });
  assert.equal(getStartMethod(), usual);
  assert.equal(getContext("spawn").getStartMethod(), "spawn");
});
