/**
 * A real job: the words of every source and text file under a folder, counted by one process and by all cores.
 *
 * `node build/examples/word-statistics.js [folder]`, by default node_modules.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { cpuCount, Pool } from "node-multiprocessing";

const textFile = /\.(?:[cm]?[jt]sx?|json|md|txt|css|html|ya?ml)$/;
const largestFile = 2 * 2 ** 20;

interface Statistics {
  readonly files: number;
  readonly words: number;
  readonly counts: Map<string, number>;
}

function countWords(files: readonly string[]): Statistics {
  const counts = new Map<string, number>();
  let words = 0;
  for (const file of files) {
    for (const word of readFileSync(file, "utf8").match(/[A-Za-z_$][\w$]*/g) ?? []) {
      counts.set(word, (counts.get(word) ?? 0) + 1);
      words++;
    }
  }
  return { files: files.length, words, counts };
}

function merge(parts: readonly Statistics[]): Statistics {
  const counts = new Map<string, number>();
  for (const part of parts) for (const [word, n] of part.counts) counts.set(word, (counts.get(word) ?? 0) + n);
  return {
    files: parts.reduce((sum, part) => sum + part.files, 0),
    words: parts.reduce((sum, part) => sum + part.words, 0),
    counts,
  };
}

/** Parts of about the same number of bytes. */
function split(files: readonly string[], ways: number): string[][] {
  const parts = Array.from({ length: ways }, () => ({ bytes: 0, files: [] as string[] }));
  const sized = files.map((file) => ({ file, bytes: statSync(file).size })).sort((a, b) => b.bytes - a.bytes);
  for (const { file, bytes } of sized) {
    const smallest = parts.reduce((least, part) => (part.bytes < least.bytes ? part : least));
    smallest.files.push(file);
    smallest.bytes += bytes;
  }
  return parts.map((part) => part.files);
}

/** Parts for each process: enough that none waits long for the last one, few enough that merging costs little. */
const partsEach = 8;

async function countBy(ways: number, files: readonly string[]): Promise<Statistics> {
  const pool = new Pool(ways, { name: "counters" });
  const progress = { label: `${ways} ${ways === 1 ? "process" : "processes"}` };
  const parts: Statistics[] = [];
  for await (const part of pool.imapUnordered(countWords, split(files, partsEach * cpuCount()), { progress })) {
    parts.push(part);
  }
  pool.close();
  await pool.join();
  return merge(parts);
}

/** A ratio compares the same work only: what was counted must not depend on how it was split. */
function checkSame(one: Statistics, other: Statistics): void {
  const same =
    one.words === other.words &&
    one.counts.size === other.counts.size &&
    [...one.counts].every(([word, count]) => other.counts.get(word) === count);
  if (!same) throw new Error("one process and many have counted differently");
}

const folder = process.argv[2] ?? "node_modules";
const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((file) => textFile.test(file))
  .map((file) => join(folder, file))
  .filter((file) => {
    const { size } = statSync(file);
    return size < largestFile && statSync(file).isFile();
  });
const rows: string[] = [];
let alone = 0;
let first: Statistics | undefined;
for (const ways of [1, cpuCount()]) {
  const start = performance.now();
  const statistics = await countBy(ways, files);
  const ms = performance.now() - start;
  first ??= statistics;
  checkSame(first, statistics);
  alone ||= ms;
  const rate = Math.round((files.length / ms) * 1000);
  rows.push(
    `${String(ways).padStart(9)}  ${ms.toFixed(0).padStart(6)}  ${String(rate).padStart(8)}  ${(alone / ms).toFixed(2).padStart(6)}`,
  );
}

const common = [...first!.counts].sort((a, b) => b[1] - a[1]).slice(0, 10);
console.log(`${first!.words.toLocaleString("en")} words in ${first!.files.toLocaleString("en")} files of ${folder}`);
console.log(`most frequent: ${common.map(([word, count]) => `${word} ${count}`).join(", ")}\n`);
console.log(`processes      ms   files/s   ratio`);
for (const row of rows) console.log(row);
