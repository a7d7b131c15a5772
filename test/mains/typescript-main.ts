/** A main module in TypeScript as it is written: run by Node's own type stripping, and by tsx. */
import { basename, join } from "node:path";
import { Process } from "node-multiprocessing";
import { twice, type Pair } from "../modules/exports.ts";

const prefix: string = "typed";
let calls: number = 0;

interface Options {
  readonly suffix: string;
}

class Shape<T extends number> {
  readonly side: T;
  constructor(side: T) {
    this.side = side;
  }
  area(): number {
    return this.side * this.side;
  }
}

function bump(): number {
  return ++calls;
}

function work(pair: Pair, { suffix }: Options): unknown {
  bump();
  const where = basename(new Error("here").stack!.split("\n")[1]!.replace(/\)$/, ""));
  return [join(prefix, suffix), twice(pair[0]), new Shape(pair[1]).area(), bump(), where];
}

const child = new Process({ target: work, args: [[1, 3]], kwargs: { suffix: "x" } });
await child.start();
console.log(JSON.stringify(await child.result));
await child.join();
