/**
 * Doorbells: how a process learns that it should look at shared memory again.
 *
 * Runs in: every process.
 * Guarantees: a ring is never lost while its owner lives: it is noted in the owner's entry before it is sent, and the
 * owner takes the note off before it looks. One whose ringer died in between is lost, and no other. A ring carries no
 * data, so a stranger's does no harm.
 * Leaves to others: whom to ring, and what to look at (`sync/wait-queue.ts`).
 */
import { closeSync } from "node:fs";
import type { Watcher } from "../host/addon.ts";
import { family } from "./family.ts";
import { participant as field, participantEntry } from "./layout.ts";
import { idOfIndex, indexOf, onBurial, onEntry, ownId, participants } from "./participants.ts";

/** What ended a blocking wait. */
export type Awakening = "rung" | "time" | "signal";

interface Doorbell {
  readonly descriptor: number;
  readonly watcher: Watcher;
  readonly entry: number;
}

let doorbell: Doorbell | undefined;
let listener: (() => void) | undefined;
let reasonsToStay = 0;
const addresses = new Map<number, Uint8Array>();
/** An address is that of one generation of an entry; old ones are dropped when there are many. Arbitrary. */
const mostAddresses = 1024;

onEntry(open);
// Those who wait for the dead do not know yet that it is dead.
onBurial((index) => {
  const { words } = family();
  for (const other of participants()) {
    const entry = participantEntry(other);
    if (other === index || Atomics.load(words, entry + field.waits) === 0) continue;
    Atomics.store(words, entry + field.alarm, 1);
    ring(other);
  }
});

/** What to do when this process is rung; in its event loop. One for the whole process. */
export function setRingListener(to: () => void): void {
  listener = to;
}

/** Makes the process of that entry look at shared memory. */
export function ring(index: number): void {
  const { addon, words } = family();
  const entry = participantEntry(index);
  if (doorbell !== undefined && entry === doorbell.entry) {
    ringSelf();
    return;
  }
  if (Atomics.exchange(words, entry + field.rung, 1) !== 0) return; // It has yet to take note of another ring.
  if (Atomics.load(words, entry + field.blocked) !== 0) addon.futexWake(words, entry + field.rung, 1);
  else addon.ring(bell().descriptor, addressOf(idOfIndex(index)));
}

/** Whether this process has been rung, and has not looked yet. */
export function isRung(): boolean {
  return Atomics.load(family().words, bell().entry + field.rung) !== 0;
}

/**
 * To be called before a look that nobody has rung for: whoever noted a ring may have been killed before it sent it, and as
 * long as that note is there nobody rings again.
 */
export function forgetRing(): void {
  if (doorbell !== undefined) Atomics.store(family().words, doorbell.entry + field.rung, 0);
}

/** While this is in force, waiting for a ring keeps the event loop alive. */
export function stayForRings(): void {
  if (++reasonsToStay === 1) bell().watcher.ref();
}

export function stayNoLonger(): void {
  if (--reasonsToStay === 0) doorbell?.watcher.unref();
}

/**
 * Blocks this thread until it is rung.
 *
 * @param timeoutMs milliseconds; at most a few hundred, so that the caller looks after those it waits for
 * @param interruptible whether a signal that waits for its handler in JavaScript ends it: one that came before this call,
 * too, and at any moment of it, but in the instant of going to sleep, after which it is seen by the next call
 */
export function blockUntilRung(timeoutMs: number, interruptible: boolean): Awakening {
  const { addon, words } = family();
  const { entry } = bell();
  Atomics.store(words, entry + field.blocked, 1);
  const why = addon.futexWait(words, entry + field.rung, 0, timeoutMs, interruptible);
  Atomics.store(words, entry + field.blocked, 0);
  // The note is taken, perhaps one that was meant for an asynchronous wait: those look again later.
  if (Atomics.exchange(words, entry + field.rung, 0) !== 0) ringSelf();
  return why === 2 ? "signal" : why === 1 ? "time" : "rung";
}

/** The same, for a moment after which this process goes on anyway: nobody need ring it. */
export function nap(timeoutMs: number, interruptible: boolean): Awakening {
  return blockUntilRung(timeoutMs, interruptible);
}

/** In a forked child: the server's doorbell is not this process's. */
export function forgetDoorbell(): void {
  if (doorbell === undefined) return;
  doorbell.watcher.close();
  closeSync(doorbell.descriptor);
  doorbell = undefined;
  reasonsToStay = 0;
}

/** True once after a burial: all that this process waits for is to be looked after. */
export function takeAlarm(): boolean {
  return doorbell !== undefined && Atomics.exchange(family().words, doorbell.entry + field.alarm, 0) !== 0;
}

let ringingSelf = false;

function ringSelf(): void {
  if (ringingSelf) return;
  ringingSelf = true;
  setImmediate(() => {
    ringingSelf = false;
    listener?.();
  });
}

function bell(): Doorbell {
  ownId();
  return doorbell!;
}

function open(): void {
  const { addon, words } = family();
  const id = ownId();
  const descriptor = addon.openDoorbell(addressOf(id));
  const entry = participantEntry(indexOf(id));
  const watcher = addon.watch(descriptor, () => {
    addon.hush(descriptor);
    Atomics.store(words, entry + field.rung, 0); // Before looking: a ring from here on is a new one.
    listener?.();
  });
  watcher.unref();
  doorbell = { descriptor, watcher, entry };
}

function addressOf(id: number): Uint8Array {
  let address = addresses.get(id);
  if (address === undefined) {
    if (addresses.size >= mostAddresses) addresses.clear();
    address = Buffer.from(`node-multiprocessing-${family().id}-${id}`);
    addresses.set(id, address);
  }
  return address;
}
