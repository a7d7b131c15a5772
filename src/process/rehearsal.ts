/**
 * One run through what every forked child does first, before there are children.
 *
 * Runs in: the fork server.
 * Why: V8 compiles a function at its first call. What has been called before the fork is compiled in every child, and
 * its memory is shared (measured: a child's own JavaScript takes 2 ms instead of 6).
 */
import { closeSync } from "node:fs";
import type { Addon } from "../host/addon.ts";
import { reportError } from "../wire/error-report.ts";
import { decode, encode } from "../wire/codec.ts";
import { rebuild } from "../wire/rebuild.ts";
import { ControlEnd } from "./control-end.ts";
import { Job } from "./job.ts";
import { applyPreparation, prepare } from "./preparation.ts";
import { Process } from "./process.ts";
import { applySurroundings, surroundings } from "./surroundings.ts";

const sample = { number: 1.5, text: "text", list: [1, { deep: true }], map: new Map([["key", new Date(0)]]) };

export async function rehearse(addon: Addon): Promise<void> {
  performance.now(); // Node loads what is behind it at its first use.
  process.emit("beforeExit", 0);
  const [near, far] = addon.socketPair("stream");
  const ours = new ControlEnd(near);
  const theirs = new ControlEnd(far);
  const request = {
    name: "",
    detached: false,
    stdio: "inherit",
    env: undefined,
    cwd: undefined,
    execArgv: undefined,
  } as const;
  ours.send("surroundings", surroundings(request));
  ours.send("preparation", prepare({ name: "rehearsal", path: [1], daemon: false }));
  ours.send("job", encode(new Job(new Process({ target: Math.max, args: [1, 2], kwargs: sample as never }))).bytes);
  applySurroundings(theirs.receive("surroundings"));
  applyPreparation(theirs.receive("preparation"));
  const { process: itself } = (await decode(theirs.receive("job"))) as Job;
  await (itself as Process).run();
  theirs.send("result", encode(sample, { home: "" }).bytes);
  ours.receive("result");
  reportError(new Error("rehearsal"), { home: "" });
  const source = { form: "function", text: "()=>rehearsed", file: import.meta.url, line: 0, column: 0 } as const;
  rebuild({ ...source, strict: true, names: ["rehearsed"], given: [] }, [], [], undefined).set(0, 1);
  closeSync(near);
  closeSync(far);
}
