/**
 * Who takes part in the family's memory, and who is dead.
 *
 * Runs in: every process; each enters itself at its first use of shared memory.
 * Guarantees: an id names one process for ever: the entry's generation is part of it, so an id that was written into a
 * lock tells a dead holder from whoever uses the entry now. Whoever sees a death first buries the dead; a grave-digger
 * that dies is replaced by the next.
 * Source: start times of proc(5) against reused pids.
 */
import { isRunning, markOf } from "../host/process-facts.ts";
import { invalidState } from "../base/errors.ts";
import { family, familyIfAny } from "./family.ts";
import { header, maxParticipants, participant as field, participantBits, participantEntry } from "./layout.ts";

const free = 0;
const alive = 1;
const indexMask = maxParticipants - 1;
/** A power of two: so many entries are used in turn, until they are crowded. Arbitrary. */
const fewestInTurn = 256;
/** Crowded: so many in a row are somebody's. Arbitrary. */
const crowdedTries = 8;
/** So that an id is a positive 32-bit integer. Generation 0 is nobody's: an id is never 0. */
const generations = 2 ** (31 - participantBits);

/** What else has to be put right when a participant has died. Called once for each, by whoever buries it. */
export type Burial = (index: number) => void;

/** In this order. What was being changed; what was being done under a lock; what was held. */
const burials: Readonly<Record<"changes" | "locks" | "last", Burial[]>> = { changes: [], locks: [], last: [] };
/** Who is being buried by this process at this moment, and who had begun to bury it and has died. */
const burying = new Set<number>();
const entries: (() => void)[] = [];
const childEnds: (() => void)[] = [];
let own = 0;

/**
 * @param burial must not fail when it is done twice: a grave-digger may die in the middle
 * @param order "locks" and "changes": while what the dead one held is still held
 */
export function onBurial(burial: Burial, order: keyof typeof burials = "last"): void {
  burials[order].push(burial);
}

/** Called after the end of each process that this one has started, in whatever way it ended; what it held is let go. */
export function onChildEnd(look: () => void): void {
  childEnds.push(look);
}

/** Called once this process has entered itself. */
export function onEntry(entry: () => void): void {
  entries.push(entry);
}

/** The id of this process, which is entered now if it is not yet. */
export function ownId(): number {
  return own === 0 ? enter() : own;
}

/** 0 as long as it has not entered. */
export function ownIdIfAny(): number {
  return own;
}

export function indexOf(id: number): number {
  return id & indexMask;
}

/** The id of whoever uses the entry now. */
export function idOfIndex(index: number): number {
  const { words } = family();
  return (words[participantEntry(index) + field.generation]! << participantBits) | index;
}

/** True when the table says so: a look at memory, no more. */
export function isGone(id: number): boolean {
  const { words } = family();
  const entry = participantEntry(id & indexMask);
  return (
    Atomics.load(words, entry + field.generation) !== id >>> participantBits ||
    Atomics.load(words, entry + field.state) !== alive
  );
}

/** True when it is gone and all that it held has been let go: nobody is about to do that any more. */
export function isBuried(id: number): boolean {
  const { words } = family();
  const entry = participantEntry(id & indexMask);
  return (
    Atomics.load(words, entry + field.generation) !== id >>> participantBits ||
    Atomics.load(words, entry + field.state) === free
  );
}

/** True when it will do nothing any more with what it was about to give back: it is buried, or buried by this process. */
export function hasEnded(id: number): boolean {
  return burying.has(id) || isBuried(id);
}

/** True when the process has ended: the kernel is asked, and a dead one buried. */
export function lookAfter(id: number): boolean {
  const index = id & indexMask;
  if (isGone(id)) {
    const state = Atomics.load(family().words, participantEntry(index) + field.state);
    if (state < 0 && !isRunning({ pid: -state, startTime: undefined })) bury(index, state);
    return true;
  }
  if (isRunning(markOfIndex(index))) return false;
  bury(index);
  return true;
}

/** The pid of a participant; of one that has gone, as long as nobody else has got its entry. */
export function pidOf(id: number): number | undefined {
  const { words } = family();
  const entry = participantEntry(id & indexMask);
  return words[entry + field.generation] === id >>> participantBits ? words[entry + field.pid] : undefined;
}

/** The indexes of those who are alive as far as the table knows. */
export function* participants(): Generator<number> {
  const known = familyIfAny();
  if (known === undefined) return;
  const highest = Atomics.load(known.words, header.highestParticipant);
  for (let index = 1; index <= highest; index++) {
    if (Atomics.load(known.words, participantEntry(index) + field.state) === alive) yield index;
  }
}

/** Told by whoever has seen the end of a process. Those that it had started are looked after too. */
export function endedWithPid(pid: number): void {
  if (familyIfAny() === undefined) return;
  const { words } = family();
  for (const index of participants()) {
    const entry = participantEntry(index);
    if (words[entry + field.pid] === pid) {
      if (!isRunning(markOfIndex(index))) bury(index);
    } else if (words[entry + field.ownerPid] === pid) {
      lookAfter(idOfIndex(index));
    }
  }
  buryForTheDead(pid); // It may have been killed while it buried another, or itself.
  for (const look of childEnds) look();
}

/** This process ends: what it holds is held by nobody. */
export function leave(): void {
  if (own === 0) return;
  bury(own & indexMask); // Still as itself: what it gives back bears its id until that is done.
  own = 0;
}

/** In a forked child, what the server was must not be used. */
export function forgetOwnId(): void {
  own = 0;
}

function markOfIndex(index: number): { pid: number; startTime: number | undefined } {
  const { words } = family();
  const entry = participantEntry(index);
  const low = words[entry + field.startLow]! >>> 0;
  const high = words[entry + field.startHigh]!;
  return { pid: words[entry + field.pid]!, startTime: high < 0 ? undefined : high * 2 ** 32 + low };
}

function enter(): number {
  const { words } = family();
  const index = claim(words);
  const entry = participantEntry(index);
  const { pid, startTime } = markOf(process.pid);
  for (let at = entry + field.generation + 1; at < participantEntry(index + 1); at++) Atomics.store(words, at, 0);
  words[entry + field.pid] = pid;
  words[entry + field.startLow] = startTime === undefined ? 0 : (startTime % 2 ** 32) | 0;
  words[entry + field.startHigh] = startTime === undefined ? -1 : Math.floor(startTime / 2 ** 32);
  words[entry + field.ownerPid] = ownerPid();
  Atomics.store(words, entry + field.state, alive);
  own = idOfIndex(index);
  if (!isListening) process.once("exit", endAndLeave);
  isListening = true;
  for (const done of entries) done();
  return own;
}

/** What others may see of its end, and complain of, they are not to live to see. */
function endAndLeave(): void {
  endDependants();
  leave();
}

let isListening = false;
let endDependants = (): void => {};
let ownerPid = (): number => process.ppid;

/** Whom this process has started, and takes with it, is known to a higher floor. */
export function setDependants(end: () => void): void {
  endDependants = end;
}

/** Who started this process is known to a higher floor. */
export function setOwnerPid(read: () => number): void {
  ownerPid = read;
}

/**
 * Entries are used in turn, so that the pid of a dead one can be told for a while; among no more than are needed, since
 * each entry that was ever used costs pages of memory, and a look of whoever searches the table.
 */
function claim(words: Int32Array): number {
  let among = fewestInTurn;
  while (among <= Atomics.load(words, header.highestParticipant)) among *= 2;
  for (let tries = 1; tries <= 2 * maxParticipants; tries++) {
    if (tries % crowdedTries === 0 && among < maxParticipants) among *= 2;
    const index = (Atomics.add(words, header.turn, 1) + 1) & (among - 1);
    if (index === 0) continue;
    const entry = participantEntry(index);
    const state = Atomics.load(words, entry + field.state);
    if (state === alive) lookAfter(idOfIndex(index));
    else if (state < 0 && !isRunning({ pid: -state, startTime: undefined })) bury(index, state);
    makeFound(words, index);
    if (Atomics.compareExchange(words, entry + field.state, free, -process.pid) === free) {
      const generation = (words[entry + field.generation]! + 1) % generations;
      Atomics.store(words, entry + field.generation, generation);
      return index;
    }
  }
  throw invalidState(
    `This process cannot use shared memory: ${maxParticipants - 1} processes of the family use it already\n` +
      `  do this:  end processes that are not needed, or start independent programs`,
  );
}

/** Whoever searches the table goes as far as `index` from now on. */
function makeFound(words: Int32Array, index: number): void {
  for (;;) {
    const highest = Atomics.load(words, header.highestParticipant);
    if (highest >= index) return;
    if (Atomics.compareExchange(words, header.highestParticipant, highest, index) === highest) return;
  }
}

/**
 * One grave-digger at a time, named in the entry: a second one at work could take away what the entry's next user
 * already holds. One that died is replaced by whoever buries it.
 */
function bury(index: number, from: number = alive): void {
  const { words } = family();
  const diggers = from < 0 ? endedDiggers(-from, index) : [];
  if (diggers === undefined) return;
  const state = participantEntry(index) + field.state;
  if (Atomics.compareExchange(words, state, from, -process.pid) !== from) return;
  const id = idOfIndex(index);
  const { pid } = markOfIndex(index);
  const ended = [id, ...diggers].filter((each) => each !== own && !burying.has(each));
  for (const each of ended) burying.add(each);
  try {
    for (const each of Object.values(burials)) for (const burial of each) burial(index);
    if (id !== own) buryForTheDead(pid);
  } finally {
    for (const each of ended) burying.delete(each);
  }
  Atomics.store(words, state, free);
}

/**
 * Who was at it before, as participants that have died, too. One may have been about to let go of something that the dead
 * one held: that is put right first, so that it is not let go twice.
 *
 * @returns undefined where somebody else is at that: who buries the grave-digger buries those that it was burying, too
 */
function endedDiggers(pid: number, butIndex: number): number[] | undefined {
  const { words } = family();
  const found: number[] = [];
  const highest = Atomics.load(words, header.highestParticipant);
  for (let index = 1; index <= highest; index++) {
    const entry = participantEntry(index);
    if (index === butIndex || words[entry + field.pid] !== pid) continue;
    if (Atomics.load(words, entry + field.change) !== 0) lookAfter(idOfIndex(index));
    if (Atomics.load(words, entry + field.change) !== 0) return undefined;
    found.push(idOfIndex(index));
  }
  return found;
}

/** What the dead one was burying when it died. */
function buryForTheDead(pid: number): void {
  const { words } = family();
  const highest = Atomics.load(words, header.highestParticipant);
  for (let index = 1; index <= highest; index++) {
    const state = Atomics.load(words, participantEntry(index) + field.state);
    if (state === -pid && !isRunning({ pid, startTime: undefined })) bury(index, state);
  }
}
