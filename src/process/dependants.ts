/**
 * The processes that end with this one, and how: when it leaves by itself they end first.
 *
 * Runs in: the owner.
 * Why first: the kernel ends them when this process is gone, some milliseconds after it has given back what it shared with
 * them. One that waited for a pipe's other end here would meanwhile say on its stderr that this end is closed.
 */
import { setDependants } from "../memory/participants.ts";

const endings = new Set<() => void>();

setDependants(() => {
  for (const end of endings) end();
});

/**
 * @param end called once at most, when this process exits. It must not throw
 * @returns to be called when the process has ended
 */
export function endsWithThisOne(end: () => void): () => void {
  endings.add(end);
  return () => endings.delete(end);
}
