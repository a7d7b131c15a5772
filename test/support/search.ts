/** Goes through the runs of a model: the orders in which those in it may take their steps, each state once. */

export type Choice<Action extends string> = readonly [walker: number, action: Action | "step"];

export interface Model<Action extends string> {
  /** What may come next; nothing at the end of a run. */
  choices(): Choice<Action>[];
  /** @throws when a rule is broken */
  do(choice: Choice<Action>): void;
  /** The same for two states from which the same may follow. */
  key(): string;
}

export interface Searched {
  readonly states: number;
  readonly ends: number;
  /** False where the time did not suffice for all runs. */
  readonly complete: boolean;
}

/**
 * @param make the model at its beginning
 * @param ended called at the end of each run
 * @param limitMs where it does not suffice for all, it is spent here and there: next to each other runs are much the same
 * @throws with the run that breaks a rule
 */
export function search<Action extends string, M extends Model<Action>>(
  make: () => M,
  ended: (model: M) => void,
  limitMs = Infinity,
): Searched {
  const seen = new Set<string>();
  const open: Choice<Action>[][] = [[]];
  const until = performance.now() + limitMs;
  let ends = 0;
  let seed = 1;
  const somewhere = (): Choice<Action>[] | undefined => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    const at = seed % Math.max(1, open.length);
    const path = open[at];
    const last = open.pop();
    if (at < open.length) open[at] = last!;
    return path;
  };
  // The last one first where all are gone through: fewest are open at a time.
  const next = limitMs === Infinity ? (): Choice<Action>[] | undefined => open.pop() : somewhere;
  let path: Choice<Action>[] | undefined;
  while (performance.now() < until && (path = next()) !== undefined) {
    const model = make();
    try {
      for (const choice of path) model.do(choice);
      for (;;) {
        const choices = model.choices();
        if (choices.length === 0) {
          ended(model);
          ends++;
          break;
        }
        const key = model.key();
        if (seen.has(key)) break;
        seen.add(key);
        for (const other of choices.slice(1)) open.push([...path, other]);
        path.push(choices[0]!);
        model.do(choices[0]!);
      }
    } catch (error) {
      const run = path.map(([walker, action]) => `${walker}${action === "step" ? "" : action}`).join(" ");
      throw new Error(`${(error as Error).message}, after ${run}`, { cause: error });
    }
  }
  return { states: seen.size, ends, complete: open.length === 0 };
}
