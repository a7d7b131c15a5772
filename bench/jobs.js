/** What workers are given to do. Exported, so that every contender names it in its own way. */

export function nothing() {}

export const double = (x) => x * 2;

export const same = (x) => x;

export const lengthOf = (bytes) => bytes.byteLength;

export function touch(shared) {
  shared.array[0] = 1;
}

/** Garbage collection and JSON. Answers how long it took. */
export function allocate() {
  const start = performance.now();
  let kept = [];
  for (let i = 0; i < 3_000_000; i++) {
    kept.push({ i, text: `text ${i}` });
    if (kept.length > 100_000) kept = kept.slice(50_000);
  }
  JSON.parse(JSON.stringify(kept));
  return performance.now() - start;
}
