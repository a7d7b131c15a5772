/** Something that is costly to make, made once in each worker: its initializer returns it, and tasks find it as their state. */
import { currentTask, Pool } from "node-multiprocessing";

interface Dictionary {
  readonly words: Map<string, number>;
  readonly madeBy: number;
}

function load(language: string): Dictionary {
  const words = new Map(Array.from({ length: 100_000 }, (_, n) => [`${language}-${n}`, n]));
  return { words, madeBy: process.pid };
}

function lookUp(word: string): [number | undefined, number] {
  const { state } = currentTask<Dictionary>()!;
  return [state.words.get(word), state.madeBy];
}

const pool = new Pool(2, { initializer: load, initArgs: ["en"] });
const answers = await pool.map(lookUp, ["en-1", "en-99999", "fr-1"]);
console.log(answers.map(([number]) => number));
console.log(`at most two dictionaries were made: ${new Set(answers.map(([, pid]) => pid)).size <= 2}`);
pool.close();
await pool.join();
