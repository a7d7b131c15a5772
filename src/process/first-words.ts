/**
 * What a child is told before anything else: given to the kernel whole, before there is a child, so that nothing of the
 * owner's is needed any more for it to run.
 *
 * Runs in: the owner. The child reads it with `ControlEnd`.
 * Guarantees: nothing here waits for anybody, however large the job is.
 * Why a file for what a socket has no room for: the rest would be written when the child reads, and the owner may block
 * its thread until the child has done something.
 */
import { closeSync, writeSync } from "node:fs";
import type { Addon } from "../host/addon.ts";
import { frameHead } from "./frames.ts";

/**
 * Makes a control channel in which the first words stand already.
 *
 * @param words frames, whole, in any number of parts
 * @returns the descriptors of the owner's end and of the child's
 */
export function openControl(addon: Addon, words: readonly Uint8Array[]): [ours: number, theirs: number] {
  let sizeBytes = 0;
  for (const part of words) sizeBytes += part.length;
  const pair = addon.socketPair("stream");
  try {
    if (addon.sendNow(pair[0], words) === sizeBytes) return pair;
  } catch (error) {
    closePair(pair);
    throw error;
  }
  closePair(pair);
  return openWithFile(addon, words, sizeBytes);
}

function openWithFile(addon: Addon, words: readonly Uint8Array[], sizeBytes: number): [number, number] {
  const file = addon.memoryFile("first-words", sizeBytes);
  try {
    let at = 0;
    for (const part of words) {
      for (let done = 0; done < part.length;) done += writeSync(file, part, done, part.length - done, at + done);
      at += part.length;
    }
    const pair = addon.socketPair("stream");
    try {
      addon.sendDescriptors(pair[0], frameHead("elsewhere", 1), []);
      addon.sendDescriptors(pair[0], new Uint8Array(1), [file]);
      return pair;
    } catch (error) {
      closePair(pair);
      throw error;
    }
  } finally {
    closeSync(file);
  }
}

function closePair([ours, theirs]: readonly [number, number]): void {
  closeSync(ours);
  closeSync(theirs);
}
