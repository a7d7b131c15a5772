/**
 * What a child is told before anything else: given to the kernel whole, in the turn in which it is started, so that nothing
 * of the owner's is needed any more for it to run.
 *
 * Runs in: the owner. The child reads it with `ControlEnd`.
 * Guarantees: nothing here waits for anybody, however large the job is.
 * Why a file for what a socket has no room for: the rest would be written when the child reads, and the owner may block
 * its thread until the child has done something.
 */
import { closeSync, writeSync } from "node:fs";
import type { Addon } from "../host/addon.ts";
import { frameHead } from "./frames.ts";

/** What an empty socket has room for with any usual limit (net.core.wmem_default), twice over. */
const mostInSocketBytes = 65_536;

/**
 * Makes a control channel in which the first words stand already.
 *
 * @param words frames, whole, in any number of parts
 * @returns the descriptors of the owner's end and of the child's
 */
export function openControl(addon: Addon, words: readonly Uint8Array[]): [ours: number, theirs: number] {
  return open(addon, (control) => sayFirst(addon, control, words)) ?? open(addon, inFile)!;

  function inFile(control: number): boolean {
    sayInFile(addon, control, words);
    return true;
  }
}

/** Undefined where not all of it was said: a stream that was begun cannot be used for anything else. */
function open(addon: Addon, say: (control: number) => boolean): [ours: number, theirs: number] | undefined {
  const pair = addon.socketPair("stream");
  let said = false;
  try {
    said = say(pair[0]);
  } finally {
    if (!said) for (const end of pair) closeSync(end);
  }
  return said ? pair : undefined;
}

/**
 * Says them in a control channel in which nothing has been said yet.
 *
 * @returns false where it has less room than any usual one: then it cannot be used any more
 * @throws what the operating system says, EPIPE where the child has gone
 */
export function sayFirst(addon: Addon, control: number, words: readonly Uint8Array[]): boolean {
  const sizeBytes = sizeOf(words);
  if (sizeBytes <= mostInSocketBytes) return addon.sendNow(control, words) === sizeBytes;
  sayInFile(addon, control, words);
  return true;
}

function sayInFile(addon: Addon, control: number, words: readonly Uint8Array[]): void {
  const file = addon.memoryFile("first-words", sizeOf(words));
  try {
    let at = 0;
    for (const part of words) {
      for (let done = 0; done < part.length;) done += writeSync(file, part, done, part.length - done, at + done);
      at += part.length;
    }
    addon.sendDescriptors(control, frameHead("elsewhere", 1), []);
    addon.sendDescriptors(control, new Uint8Array(1), [file]);
  } finally {
    closeSync(file);
  }
}

function sizeOf(words: readonly Uint8Array[]): number {
  let sizeBytes = 0;
  for (const part of words) sizeBytes += part.length;
  return sizeBytes;
}
