/**
 * Where everything is in the family's memory: one sparse file, of which only touched pages exist.
 *
 * Runs in: every process; the numbers are part of the protocol between the processes of a family.
 *
 *   offset      what
 *   0           header: magic, version, id of the family, hints            \
 *   4 KiB       table of participants: 4,096 entries of 64 bytes            |
 *   1 MiB       wait records: 1,024 of 32 bytes for each participant        | the core, mapped as a whole
 *   160 MiB     holders of each range: a 32-bit count a range               | by every participant (1,152 MiB,
 *   256 MiB     small ranges: a region for each size from 64 bytes to 2 KiB |  almost all of it untouched)
 *   2 GiB       what each participant holds: 1,048,576 handles of 4 bytes each
 *   32 GiB      large ranges: a region for each size from 4 KiB to 64 GiB, mapped range by range
 *
 * A range's handle is its number in the list of counts: it names size and place, and fits 32 bits.
 */
export const magic = 0x6e6d7031;
export const layoutVersion = 3;

const kib = 1024;
const mib = 1024 * kib;
const gib = 1024 * mib;

export const coreBytes: number = 1152 * mib;
export const pageBytes = 4096;

/** Words of the header. */
export const header = {
  magic: 0,
  version: 1,
  familyLow: 2,
  familyHigh: 3,
  /** The highest index of an entry of the table of participants that has ever been used. */
  highestParticipant: 4,
  tickets: 5,
  /** Who the root is: pid, and start time in two halves. */
  rootPid: 6,
  rootStartLow: 7,
  rootStartHigh: 8,
  /** 1 once a name has been made in /dev/shm. */
  named: 9,
  /** Counts attempts to enter; its lowest bits are the index of the entry whose turn it is. */
  turn: 10,
} as const;
export const headerHints = 64;

/** 4,095 at a time: number 0 is nobody, so that 0 can mean "no owner". */
export const maxParticipants = 4096;
export const participantBits = 12;
const participantsOffset = 4 * kib;
const participantWords = 16;
/** Words of a participant's entry. */
export const participant = {
  /** 0: free. 1: alive. Negative: being claimed, or buried, by the process of that pid. */
  state: 0,
  /** Counts the uses of the entry: an id that names an earlier one is a dead participant's. */
  generation: 1,
  pid: 2,
  startLow: 3,
  startHigh: 4,
  ownerPid: 5,
  /** 1 from a ring until its owner has taken note: further rings cost nothing. */
  rung: 6,
  /** 1 while it blocks on `rung` (futex). */
  blocked: 7,
  /** How many of its wait records have ever been used. */
  waits: 8,
  /** How many of its entries of handles have ever been used. */
  held: 9,
  /** 1 from a burial until its owner has looked after all that it waits for. */
  alarm: 10,
  /** The index of the word of the lock that it has at the end of a queue; 0: none. */
  inside: 11,
  /** The change of a count that it is about to make, or has begun (`counts.ts`); 0: none. And what belongs to it. */
  change: 12,
  changeHandle: 13,
  changeFrom: 14,
  changeAt: 15,
} as const;

/** The index of the first word of a participant's entry. */
export function participantEntry(index: number): number {
  return participantsOffset / 4 + index * participantWords;
}

export const waitsPerParticipant = 1024;
const waitsOffset = mib;
export const waitWords = 8;
/** Words of a wait record. */
export const waitRecord = {
  /** The word where its object keeps the mask of who waits; 0: the record is not in use. */
  spot: 0,
  /** 1: waiting. 2: woken, and about to look. */
  state: 1,
  /** Tickets are drawn in the order of coming: the lowest has waited longest. */
  ticket: 2,
  /** Milliseconds of the monotonic clock, modulo 2^32, at which the wait began. */
  since: 3,
  /** Of a Condition's waits: how many here are not notified (low 16 bits), how many are and have yet to see it (high). */
  wanting: 4,
} as const;
/** So many waits for one Condition can be counted in a record. */
export const mostWanting = 0xffff;

/** The index of the first word of a participant's first wait record. */
export function waitRecords(index: number): number {
  return (waitsOffset + index * waitsPerParticipant * waitWords * 4) / 4;
}

/**
 * What the ranges of objects of synchronisation have in common: what it is, and the mask of who waits for it.
 *
 *   word               0      1      2          3 ...
 *   Lock, RLock        kind   spot   owner
 *   Semaphore          kind   spot   value      kept for (8 participants)
 *   BoundedSemaphore   kind   spot   bound      used   held   table      holders (here, or in the range "table")
 *   Condition          kind   spot
 *   Event              kind   spot   sets
 *   Barrier            kind   spot   parties    table  state (64 bits)   slots of 64 bits (here, or in the range "table")
 */
export const objectWord = { kind: 0, spot: 1 } as const;
/** A range begins with one of these; 0 is data. */
export const objectKind = {
  lock: 1,
  rlock: 2,
  semaphore: 3,
  boundedSemaphore: 4,
  condition: 5,
  event: 6,
  barrier: 7,
  sharedArray: 16,
  sharedValue: 17,
} as const;
/** 0: free. An id: who holds it. A negative one: for whom it is kept, until it comes or somebody loses patience. */
export const lockWord = { owner: 2 } as const;
export const semaphoreWord = { value: 2, kept: 3, keptCount: 8 } as const;
export const boundedWord = {
  bound: 2,
  /** How many of the holders' words have ever been in use; the rest is not looked at. */
  used: 3,
  /** Where there are many: about how many are in use, a hint where to look. */
  held: 4,
  /** The handle of the range of holders; 0: they are in this one. */
  table: 5,
  holders: 6,
} as const;
/** Even: not set. Odd: set. It grows with each change. */
export const eventWord = { sets: 2 } as const;
export const barrierWord = { parties: 2, table: 3, state: 4, slots: 6 } as const;

/** What arrays and values have in common: the handle of a Lock of their own, 0 until somebody has asked for it. */
export const dataWord = { lock: 15 } as const;
/** An array's elements are in a large range of their own; 0: it has none. The length is in two halves. */
export const arrayWord = { type: 2, data: 3, lengthLow: 4, lengthHigh: 5 } as const;
/** A value has 8 bytes at a multiple of 8, so that it is read and written whole. */
export const valueWord = { type: 2, value: 4 } as const;

export const handlesPerParticipant: number = mib;
/** Where in the file a participant notes the handles that it holds. */
export function heldOffset(index: number): number {
  return 2 * gib + index * handlesPerParticipant * 4;
}

export interface SizeClass {
  readonly sizeBytes: number;
  readonly ranges: number;
  /** The handle of its first range. */
  readonly firstHandle: number;
  /** Where its first range is in the file. */
  readonly offset: number;
}

const countsOffset = 160 * mib;
const smallOffset = 256 * mib;
const largeOffset = 32 * gib;
const smallRegionBytes = 128 * mib;
const largeRegionBytes = 1024 * gib;
const mostRanges = 2 ** 20;
const smallestBits = 6;
const smallestLargeBits = 12;
const largestBits = 36;

function makeClasses(): SizeClass[] {
  const classes: SizeClass[] = [];
  let firstHandle = 1;
  let small = smallOffset;
  let large = largeOffset;
  for (let bits = smallestBits; bits <= largestBits; bits++) {
    const sizeBytes = 2 ** bits;
    const isSmall = bits < smallestLargeBits;
    // Most objects of synchronisation are of the smallest size: there may be millions of those.
    const regionBytes = isSmall ? (bits === smallestBits ? 2 : 1) * smallRegionBytes : largeRegionBytes;
    const most = isSmall ? Infinity : mostRanges;
    const ranges = Math.min(most, regionBytes / sizeBytes);
    classes.push({ sizeBytes, ranges, firstHandle, offset: isSmall ? small : large });
    firstHandle += ranges;
    if (isSmall) small += ranges * sizeBytes;
    else large += ranges * sizeBytes;
  }
  return classes;
}

export const sizeClasses: readonly SizeClass[] = makeClasses();
const last = sizeClasses.at(-1)!;
export const handleCount: number = last.firstHandle + last.ranges;
export const fileBytes: number = last.offset + last.ranges * last.sizeBytes;
export const largestRangeBytes: number = last.sizeBytes;

/** The index of the word that counts a range's holders. */
export function countWord(handle: number): number {
  return countsOffset / 4 + handle;
}

/** The smallest class whose ranges hold that many bytes; undefined when it is more than the largest. */
export function classForSize(sizeBytes: number): number | undefined {
  if (sizeBytes > largestRangeBytes) return undefined;
  return Math.max(0, Math.ceil(Math.log2(Math.max(1, sizeBytes))) - smallestBits);
}

/** The class that a handle belongs to; undefined when there is no such handle. */
export function classOfHandle(handle: number): SizeClass | undefined {
  if (!(handle >= 1 && handle < handleCount)) return undefined;
  let low = 0;
  let high = sizeClasses.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (sizeClasses[middle]!.firstHandle <= handle) low = middle;
    else high = middle - 1;
  }
  return sizeClasses[low]!;
}
