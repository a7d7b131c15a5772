/** Uses a queue while it is loaded: nobody may need this module's loading to end for that. */
import { Queue } from "#src/index.js";

const queue = new Queue<string>();
queue.putSync("through the queue");
const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code;

export const outcome: unknown[] = [await queue.get({ timeoutMs: 10_000 })];
try {
  outcome.push(queue.getSync({ timeoutMs: 20 }));
} catch (error) {
  outcome.push(codeOf(error));
}
outcome.push(await queue.get({ timeoutMs: 20 }).catch(codeOf));
