/**
 * V8's heap in a fork server: its children are to find it as small as it gets, and no plan to collect again.
 *
 * Runs in: the fork server; its main module imports this before all else.
 * Why: a child inherits what V8 has planned. Its memory reducer collects all, 8 to 30 s after the last full collection of
 * a process that is idle: each child of an older server did so as soon as it ran, wrote to every page of the heap
 * (measured: 6.3 to 7.2 MiB of its own instead of 1.5) and took 20 to 60 ms of a processor for it. While there is no
 * incremental marking V8 tells the reducer of no collection, and `fork-server-flags.ts` has it told of nothing else; so
 * it begins anew in each child, with the first full collection of the child's own. Why not `--no-memory-reducer`: a child
 * that has worked and is idle would keep its garbage (measured: 63 MiB instead of 11).
 * Where modules are preloaded, Node 20 is not to grow its young generation meanwhile: it keeps what that has grown to, and
 * a fork copies the tables of its pages (measured, with a million objects preloaded: 170 MiB instead of 270, loaded in 190
 * ms instead of 250; later versions give it back, and would load 1.4 times as slowly).
 * A marking half done would be inherited as well, and V8 of Node 26 collects no young garbage while it marks (measured:
 * an allocating job took twice as long, and all the memory it could get).
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Whoever has started the program without it has none in its children. */
const wantsMarking = !process.execArgv.some((word) => /^--no[-_]?incremental[-_]marking$/.test(word));

setFlagsFromString("--no-incremental-marking");

let keepsYoungSpaceSmall = false;

/** While modules are preloaded, until the heap is settled. */
export function keepYoungSpaceSmall(): void {
  keepsYoungSpaceSmall = Number.parseInt(process.versions.node, 10) < 22;
  if (keepsYoungSpaceSmall) growYoungSpace(1);
}

function growYoungSpace(factor: number): void {
  setFlagsFromString(`--semi-space-growth-factor=${factor}`);
}

/** Fourfold, say the server's own flags; twofold, says V8 without them. */
function wantedGrowth(): number {
  const factors = process.execArgv.map((word) => /^--semi[-_]space[-_]growth[-_]factor=(\d+)$/.exec(word)?.[1]);
  return Number(factors.findLast((factor) => factor !== undefined) ?? 2);
}

/** To be called when all is loaded. */
export function settleHeap(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  setFlagsFromString("--no-expose-gc");
  resumeMarking();
  if (keepsYoungSpaceSmall) growYoungSpace(wantedGrowth());
}

/** Also in a child that was forked before the heap was settled. */
export function resumeMarking(): void {
  if (wantsMarking) setFlagsFromString("--incremental-marking");
}
