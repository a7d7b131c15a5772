/**
 * A process, about to be sent to its own child.
 *
 * Runs in: both. How it crosses: `process-kinds.ts`, which knows the class Process; this file must not, since Process
 * itself starts from here.
 */
export class Job {
  readonly process: object;
  constructor(process: object) {
    this.process = process;
  }
}
