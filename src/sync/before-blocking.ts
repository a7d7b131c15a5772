/**
 * What this process owes others before its thread blocks: messages and starts that are not sent yet.
 *
 * Runs in: every process.
 * Guarantees: everything registered is called before each blocking wait sleeps, and not when nothing is waited for.
 * Leaves to others: to send (channels, starts of processes); it must be done synchronously, and must not throw.
 */
const flushes: (() => void)[] = [];

/** @param flush sends what is pending, without waiting for anybody; called before this thread blocks */
export function onBeforeBlocking(flush: () => void): void {
  flushes.push(flush);
}

/** To be called by whatever blocks this thread, once it is known that it must wait. */
export function beforeBlocking(): void {
  for (const flush of flushes) flush();
}
