/** The contract suite runs once for each start method that this machine has. */
import { describe } from "node:test";
import { getAllStartMethods, getContext, type Context, type StartMethod } from "#src/index.js";

export function forEachStartMethod(suite: (context: Context, method: StartMethod) => void): void {
  for (const method of getAllStartMethods()) {
    describe(`start method "${method}"`, () => suite(getContext(method), method));
  }
}
