/**
 * How a Process crosses: as the job of the child that it becomes, or as a mere mention of it.
 *
 * Runs in: both.
 * Guarantees: in the child, the instance that a closure of the target captures is the one on which `run()` is called.
 * Why two kinds: a process that is captured or passed takes neither its target nor its arguments along; only its
 * own child gets those.
 */
import type { Decoder, Encoder } from "../wire/kinds.ts";
import { registerKind } from "../wire/kinds.ts";
import { refusePrivateState } from "../wire/object-kinds.ts";
import { readProperties, writeProperties } from "../wire/properties.ts";
import { contextClass, contextMethodOf } from "./context-classes.ts";
import { Job } from "./job.ts";
import { getLogger, Logger } from "./logger.ts";
import { Process } from "./process.ts";
import { hasState, setState, stateOf, type ProcessState } from "./process-state.ts";
import type { CheckedOptions, Target } from "./process-options.ts";

registerKind({
  name: "process",
  matches: (value): value is Process => value instanceof Process && hasState(value),
  encode: encodeProcess,
  decode: decodeProcess,
});

registerKind({
  name: "process-job",
  matches: (value): value is Job => value instanceof Job,
  encode({ process }: Job, encoder: Encoder): void {
    const { target, args, kwargs } = stateOf(process).options!;
    encoder.value(process, "");
    encoder.value(target, " target");
    encoder.value(args, " args");
    encoder.value(kwargs, " kwargs");
  },
  decode(decoder: Decoder): Job {
    const job = decoder.adopt(new Job({}));
    Object.assign(job, { process: decoder.value() });
    const target = decoder.value() as Target | undefined;
    const args = decoder.value() as readonly unknown[];
    const kwargs = decoder.value() as object | undefined;
    const options = { target, args, kwargs, timeoutMs: undefined, killGraceMs: 0 } satisfies CheckedOptions;
    setState(job.process, { ...stateOf(job.process), role: "self", options, pid: process.pid });
    return job;
  },
});

function encodeProcess(subject: Process, encoder: Encoder): void {
  refusePrivateState(subject, encoder, Process.prototype, () => {});
  const state = stateOf(subject);
  const pid = state.role === "self" ? process.pid : (state.supervision?.pid ?? state.pid ?? 0);
  encoder.string(state.name);
  encoder.uint(state.daemon ? 1 : 0);
  encoder.value(state.path, "");
  encoder.uint(state.ownerPid);
  encoder.uint(pid);
  const { constructor } = Object.getPrototypeOf(subject) as { constructor: typeof Process };
  const method = contextMethodOf(constructor);
  // A class of ours is named; one of the user's crosses as any class does.
  encoder.string(method ?? "");
  if (method === undefined) encoder.value(constructor, ` class ${constructor.name}`);
  writeProperties(subject, Reflect.ownKeys(subject), encoder);
}

function decodeProcess(decoder: Decoder): Process {
  // Its class is only known later, since the class may itself capture the process.
  const subject = decoder.adopt(Object.create(Process.prototype) as Process);
  const name = decoder.string();
  const daemon = decoder.uint() === 1;
  const path = decoder.value() as readonly number[];
  const ownerPid = decoder.uint();
  const pid = decoder.uint();
  setState(subject, elsewhere({ name, daemon, path, ownerPid, pid: pid === 0 ? undefined : pid }));
  const method = decoder.string();
  const itsClass = method === "" ? decoder.value() : contextClass(method);
  if (typeof itsClass !== "function") decoder.malformed(`the class of process "${name}" is no class`);
  Object.setPrototypeOf(subject, (itsClass as typeof Process).prototype);
  readProperties(subject, decoder);
  return subject;
}

function elsewhere(known: Pick<ProcessState, "name" | "daemon" | "path" | "ownerPid" | "pid">): ProcessState {
  return {
    ...known,
    role: "elsewhere",
    options: undefined,
    startMethod: undefined,
    starting: undefined,
    supervision: undefined,
    closed: false,
  };
}

registerKind({
  name: "logger",
  matches: (value): value is Logger => value instanceof Logger,
  encode(): void {},
  decode: (decoder: Decoder): object => decoder.adopt(getLogger()),
});
