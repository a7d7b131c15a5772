/**
 * A module of a user's, as far as a rehearsal is concerned: what it exports is a target.
 *
 * Runs in: the fork server, and processes that are forked ahead; each brings it in under an address of its own.
 */
export function sampleTarget(): void {}
