/**
 * The one word of a barrier that decides everything, taken apart and put together. Pure.
 *
 * Runs in: every process.
 *
 *   bits 0 … 19   20 … 21   22 … 37                                              38 … 63
 *   arrived       phase     how the last sixteen generations ended (1: broken)   generation
 *
 * Why the history: a party that sleeps while the next generation ends must still learn how its own did.
 */
export const phase = { filling: 0, acting: 1, broken: 2 } as const;
export type Phase = (typeof phase)[keyof typeof phase];

export const mostParties: number = 2 ** 20 - 1;
const generations = 2 ** 26;
const remembered = 16;

export interface BarrierState {
  readonly arrived: number;
  readonly phase: Phase;
  readonly history: number;
  readonly generation: number;
}

export function parseState(word: bigint): BarrierState {
  const low = Number(word & 0xffff_ffffn);
  const high = Number(word >> 32n);
  return {
    arrived: low & 0xfffff,
    phase: ((low >>> 20) & 3) as Phase,
    history: (low >>> 22) | ((high & 0x3f) << 10),
    generation: high >>> 6,
  };
}

export function stateWord({ arrived, phase: itsPhase, history, generation }: BarrierState): bigint {
  const low = (arrived | (itsPhase << 20) | ((history & 0x3ff) << 22)) >>> 0;
  const high = (history >>> 10) + generation * 64;
  return (BigInt(high) << 32n) | BigInt(low);
}

/** The next generation, nobody having arrived yet. */
export function nextGeneration({ history, generation }: BarrierState, broken: boolean): BarrierState {
  return {
    arrived: 0,
    phase: phase.filling,
    history: ((history << 1) | (broken ? 1 : 0)) & (2 ** remembered - 1),
    generation: (generation + 1) % generations || 1,
  };
}

/** How an earlier generation ended. Older ones than are remembered count as passed. */
export function wasBroken({ history, generation }: BarrierState, earlier: number): boolean {
  const back = (generation - earlier + generations) % generations;
  return back >= 1 && back <= remembered && ((history >>> (back - 1)) & 1) === 1;
}

/** Whether a slot's generation is over; 0 is that of a slot that was never in use, or is free again. */
export function isBefore(generation: number, present: number): boolean {
  return (
    generation === 0 || (generation !== present && (present - generation + generations) % generations < generations / 2)
  );
}

/** A slot: who has arrived in it, and in which generation; those of other generations are free. */
export function slotWord(generation: number, id: number): bigint {
  return (BigInt(generation) << 32n) | BigInt(id);
}

export function generationOfSlot(word: bigint): number {
  return Number(word >> 32n);
}

export function idOfSlot(word: bigint): number {
  return Number(word & 0xffff_ffffn);
}
