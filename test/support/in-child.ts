/** Calls a function in a process of its own. */
import { Process } from "#src/index.js";

/** What the function answers in another process. */
export async function inChild<A extends unknown[], R>(target: (...args: A) => R, ...args: A): Promise<Awaited<R>> {
  const child = new Process({ target: target as (...all: unknown[]) => R, args });
  await child.start();
  const result = await child.result;
  await child.join();
  return result as Awaited<R>;
}
