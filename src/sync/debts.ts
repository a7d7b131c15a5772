/**
 * What this process owes others before its thread blocks: starts that are not sent yet.
 *
 * Runs in: every process.
 * Guarantees: whatever is owed is tried again before each sleep of a blocking wait, and such a sleep is short until
 * nothing is owed any more: neither a slow receiver nor a dead one can hold up the wait itself.
 * Leaves to others: to send (starts of processes); it must be done without waiting, and must not throw.
 */
export type Debt = () => boolean;

const debts = new Set<Debt>();

/**
 * @param pay sends what can be sent now, without waiting for anybody; true once nothing is left, and it is forgotten.
 * Owing it twice is owing it once.
 */
export function owe(pay: Debt): void {
  debts.add(pay);
}

/** To be called by whoever blocks this thread, before each sleep. True when nothing is owed any more. */
export function payDebts(): boolean {
  for (const pay of debts) if (pay()) debts.delete(pay); // What is added meanwhile has its turn, too.
  return debts.size === 0;
}
