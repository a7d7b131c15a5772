/**
 * Large bytes in ranges of their own: written once by the sender, and used where they lie by the receiver.
 *
 * Runs in: every process.
 * Guarantees: a range is written again only when nobody but this process holds it; one that a receiver got as a buffer is
 * held until that buffer's memory is unmapped, whoever the buffer was given to.
 * Leaves to others: messages that name the ranges (`parcel.ts`).
 *
 * Why ranges are kept for a second: to touch new pages costs five times as much as to copy into pages that are there
 * (64 MiB: 50 ms against 10 ms, measured), and a program that sends one large message mostly sends more.
 */
import { runInNewContext } from "node:vm";
import { holders, mapTold, reserve, view } from "../memory/arena.ts";
import { family } from "../memory/family.ts";
import { hold, holdToo, letGo, type Holding } from "../memory/holdings.ts";
import { ownIdIfAny } from "../memory/participants.ts";

/** What the ranges that are kept may have together. Arbitrary. */
const mostKeptBytes = 256 * 2 ** 20;
/** Milliseconds without use after which one is given back. Arbitrary. */
const keepMs = 1000;

interface Kept {
  readonly handle: number;
  readonly holding: Holding;
  readonly bytes: Uint8Array;
  usedAt: number;
}

let kept: Kept[] = [];
let keeper = 0;
let timer: NodeJS.Timeout | undefined;

/** Bytes that were put into a range, which is not used for others until this holding is let go. */
export interface Put {
  readonly handle: number;
  readonly holding: Holding;
  readonly sizeBytes: number;
}

/** Copies the bytes into a range. */
export function putBytes(source: Uint8Array): Put {
  const range = free(source.length);
  const holding = holdToo(range.handle)!; // It is there: this process holds it already.
  range.bytes.set(source);
  range.usedAt = performance.now();
  return { handle: range.handle, holding, sizeBytes: source.length };
}

function free(length: number): Kept {
  if (keeper !== ownIdIfAny()) {
    kept = []; // They are those of the server that this process was forked from.
    keeper = ownIdIfAny();
  }
  for (const range of kept) {
    const sizeBytes = range.bytes.length;
    if (sizeBytes >= length && sizeBytes < 2 * Math.max(length, 4096) && holders(range.handle) === 1) return range;
  }
  const { handle, holding } = hold(length);
  keeper = ownIdIfAny();
  try {
    reserve(handle, length);
    const range = { handle, holding, bytes: view(handle).bytes, usedAt: performance.now() };
    kept.push(range);
    dropOld(performance.now(), range);
    if (timer === undefined) schedule();
    return range;
  } catch (error) {
    letGo(holding);
    throw error;
  }
}

function schedule(): void {
  timer = setTimeout(() => {
    timer = undefined;
    dropOld(performance.now() - keepMs);
    letGoEnded();
    if (kept.length > 0 || received.size > 0) schedule();
  }, keepMs / 2);
  timer.unref();
}

/** Those that were not used since, and the oldest where there are too many. A message that names one holds it itself. */
function dropOld(since: number, but?: Kept): void {
  let total = 0;
  const stay: Kept[] = [];
  for (const range of [...kept].sort((a, b) => b.usedAt - a.usedAt)) {
    total += range.bytes.length;
    if (range === but || (total <= mostKeptBytes && range.usedAt >= (but === undefined ? since : 0))) {
      stay.push(range);
      continue;
    }
    family().addon.detach(range.bytes.buffer as ArrayBuffer);
    letGo(range.holding);
  }
  kept = stay;
}

interface Received {
  readonly holding: Holding;
  readonly sizeBytes: number;
}

/** What this process got as buffers, by the name of the mapping. */
const received = new Map<number, Received>();
let receivedBytes = 0;
let nextName = 1;

/** From so many bytes on, the collector is asked to look: V8 itself would let hundreds of megabytes wait. Arbitrary. */
const leastNudgeBytes = 16 * 2 ** 20;
let nudgeBytes = leastNudgeBytes;
let nudging = false;

/**
 * The bytes of a range as a buffer of its own: no copy.
 *
 * @returns undefined when there is no such range any more
 */
export function fetchBytes(handle: number, length: number): ArrayBuffer | undefined {
  letGoEnded();
  const holding = holdToo(handle);
  if (holding === undefined) return undefined;
  const name = nextName;
  const buffer = mapTold(handle, length, name);
  if (buffer === undefined) {
    letGo(holding);
    return undefined;
  }
  nextName = (nextName % (2 ** 31 - 1)) + 1;
  received.set(name, { holding, sizeBytes: length });
  receivedBytes += length;
  if (receivedBytes >= nudgeBytes && !nudging) nudge();
  if (timer === undefined) schedule();
  return buffer;
}

/** Buffers whose memory is unmapped are nobody's any more. */
function letGoEnded(): void {
  if (received.size === 0) return;
  for (const name of family().addon.endedMappings()) {
    const ended = received.get(name);
    if (ended === undefined) continue;
    received.delete(name);
    receivedBytes -= ended.sizeBytes;
    letGo(ended.holding);
  }
}

/**
 * Once the receiver has had its turn, what it has received before is mostly not needed any more; a look at the young
 * objects (measured: 0.05 ms, 0.5 ms with 100,000 of them alive) shows it, and the sender can use the range again.
 */
function nudge(): void {
  nudging = true;
  const before = receivedBytes;
  setImmediate(() => {
    collectYoung();
    setImmediate(() => {
      nudging = false;
      letGoEnded();
      // The program keeps what it receives: it is asked less often.
      nudgeBytes = receivedBytes < before ? leastNudgeBytes : Math.max(leastNudgeBytes, 2 * receivedBytes);
    }).unref();
  }).unref();
}

let gc: ((options: { readonly type: "minor" }) => void) | undefined;

function collectYoung(): void {
  if (gc === undefined) {
    // Loaded here, since it brings in Node's streams.
    const { setFlagsFromString } = process.getBuiltinModule("node:v8");
    setFlagsFromString("--expose-gc");
    gc = runInNewContext("gc") as typeof gc;
    setFlagsFromString("--no-expose-gc");
  }
  gc?.({ type: "minor" });
}
