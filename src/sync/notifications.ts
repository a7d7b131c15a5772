/**
 * The notifications of conditions, counted in the records of those who wait.
 *
 * Runs in: every process.
 * Guarantees: a change is one compare-and-swap; what a dead process was notified of and did not finish with is passed
 * on by whoever buries it, twice rather than not at all if that one dies too.
 *
 *   wanting   low 16 bits: waits of that process that are not notified    high 16 bits: notified and not finished with
 */
import { ring } from "../memory/doorbell.ts";
import { family } from "../memory/family.ts";
import {
  mostWanting,
  objectKind,
  objectWord,
  participant as field,
  participantEntry,
  waitRecord,
  waitRecords,
  waitWords,
} from "../memory/layout.ts";
import { idOfIndex, indexOf, lookAfter, onBurial, ownIdIfAny, participants } from "../memory/participants.ts";
import { woken } from "./wait-records.ts";

const one = 0x10000;

/** One wait more in a record of this process; false when it can count no more. */
export function addWanting(record: number): boolean {
  return change(record, (word) => (wantingIn(word) + notifiedIn(word) < mostWanting ? word + 1 : undefined));
}

/** One wait less, unless more than `most` are notified already. */
export function dropWanting(record: number, most: number): boolean {
  return change(record, (word) => (notifiedIn(word) <= most && wantingIn(word) > 0 ? word - 1 : undefined));
}

/** How many waits of a record are notified and not finished with. */
export function notified(record: number): number {
  return notifiedIn(Atomics.load(family().words, record + waitRecord.wanting));
}

export function finishNotified(record: number): void {
  change(record, (word) => (notifiedIn(word) > 0 ? word - one : undefined));
}

/** Notifies the wait that has waited longest; false when nobody waits. */
export function notifyOne(spot: number): boolean {
  const { words } = family();
  for (;;) {
    let found: FoundRecord | undefined;
    for (const candidate of recordsAt(spot)) {
      if (wantingIn(candidate.word) === 0) continue;
      if (found === undefined || ((ticketOf(candidate) - ticketOf(found)) | 0) < 0) found = candidate;
    }
    if (found === undefined) return false;
    const { at, word, index } = found;
    if (Atomics.compareExchange(words, at + waitRecord.wanting, word, (word - 1 + one) | 0) !== word) continue;
    Atomics.store(words, at + waitRecord.state, woken);
    ring(index);
    return true;
  }
}

/** How many waits have not been notified. */
export function countWanting(spot: number): number {
  let count = 0;
  for (const { word } of recordsAt(spot)) count += wantingIn(word);
  return count;
}

/** Asks the kernel about others that have been notified: what the dead among them did not see is passed on. */
export function lookAfterNotified(spot: number): void {
  const own = indexOf(ownIdIfAny());
  for (const { word, index } of recordsAt(spot)) {
    if (notifiedIn(word) > 0 && index !== own) lookAfter(idOfIndex(index));
  }
}

interface FoundRecord {
  readonly at: number;
  readonly index: number;
  readonly word: number;
}

function* recordsAt(spot: number): Generator<FoundRecord> {
  const { words } = family();
  for (const index of participants())
    for (const at of recordsOf(index)) {
      if (Atomics.load(words, at + waitRecord.spot) !== spot) continue;
      yield { at, index, word: Atomics.load(words, at + waitRecord.wanting) };
    }
}

function* recordsOf(index: number): Generator<number> {
  const first = waitRecords(index);
  const end = first + Atomics.load(family().words, participantEntry(index) + field.waits) * waitWords;
  for (let at = first; at < end; at += waitWords) yield at;
}

function ticketOf({ at }: FoundRecord): number {
  return family().words[at + waitRecord.ticket]!;
}

function change(record: number, to: (word: number) => number | undefined): boolean {
  const { words } = family();
  const at = record + waitRecord.wanting;
  for (;;) {
    const word = Atomics.load(words, at);
    const next = to(word);
    if (next === undefined) return false;
    if (Atomics.compareExchange(words, at, word, next | 0) === word) return true;
  }
}

function wantingIn(word: number): number {
  return word & mostWanting;
}

function notifiedIn(word: number): number {
  return word >>> 16;
}

onBurial((index) => {
  const { words } = family();
  for (const record of recordsOf(index)) {
    const spot = Atomics.load(words, record + waitRecord.spot);
    if (spot === 0 || words[spot - objectWord.spot] !== objectKind.condition) continue;
    while (notified(record) > 0) {
      notifyOne(spot);
      finishNotified(record);
    }
  }
});
