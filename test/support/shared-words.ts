/** Words that parent and children of a test share, plain memory below any lock: for counters and for telling moments. */
import { view } from "#src/memory/arena.js";
import { hold, holdToo, letGo } from "#src/memory/holdings.js";

export interface SharedWords {
  readonly handle: number;
  readonly words: Int32Array;
  letGo(): void;
}

/** 1,024 words, all 0. */
export function makeSharedWords(): SharedWords {
  const { handle, holding } = hold(4096);
  return { handle, words: view(handle).words, letGo: () => letGo(holding) };
}

export function joinSharedWords(handle: number): Int32Array {
  holdToo(handle);
  return view(handle).words;
}

/** Resolves when the word is at least `value`; rejects after `withinMs`. */
export async function reaches(words: Int32Array, at: number, value: number, withinMs = 10_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (Atomics.load(words, at) < value) {
    if (Date.now() > deadline) throw new Error(`word ${at} is ${words[at]} after ${withinMs} ms, not ${value}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
