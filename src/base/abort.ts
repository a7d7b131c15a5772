/**
 * Being told that an AbortSignal is aborted, by one listener for all who wait with the same one.
 *
 * Runs in: every process.
 * Guarantees: the listener is taken away with the last of them; they are told in the order of coming.
 * Why not a listener each: an EventTarget looks through all that it has for each that comes or goes, so that a thousand
 * waits with one signal cost a million looks.
 */
const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * @param then called once, when the signal is aborted; never where it is already. It must not throw
 * @returns what takes the wish back
 */
export function onAbort(signal: AbortSignal, then: () => void): () => void {
  let all = waiting.get(signal);
  if (all === undefined) {
    waiting.set(signal, (all = new Set()));
    signal.addEventListener("abort", tell, { once: true });
  }
  const those = all;
  those.add(then);
  return () => {
    if (!those.delete(then) || those.size > 0 || waiting.get(signal) !== those) return;
    waiting.delete(signal);
    signal.removeEventListener("abort", tell);
  };
}

function tell(this: AbortSignal): void {
  const all = waiting.get(this)!;
  waiting.delete(this);
  for (const then of all) then(); // Whoever is taken back meanwhile is not told.
}
