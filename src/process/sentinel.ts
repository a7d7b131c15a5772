/**
 * The end of a process, as something that `wait()` can wait for.
 *
 * Runs in: the owner.
 */
import { waitable, type Waitable } from "../base/waitable.ts";
import type { Supervision } from "./supervision.ts";

/** `Process.sentinel`: ready in `wait()` once the process has ended. */
export class ProcessSentinel {
  readonly #name: string;
  readonly #supervision: Supervision;

  /** @internal */
  constructor(name: string, supervision: Supervision) {
    this.#name = name;
    this.#supervision = supervision;
  }

  /** @internal For `wait()`; declared in no type of the package, as isolated declarations cannot name it. */
  get [waitable](): Waitable[typeof waitable] {
    const supervision = this.#supervision;
    return {
      isReady: () => !supervision.isAlive(),
      onReady: (then) => {
        let wanted = true;
        supervision.hold();
        void supervision.ended.then(() => {
          if (!wanted) return;
          supervision.release();
          wanted = false;
          then();
        });
        return () => {
          if (wanted) supervision.release();
          wanted = false;
        };
      },
    };
  }

  toString(): string {
    return `<ProcessSentinel of '${this.#name}' ${this.#supervision.isAlive() ? "waiting" : "ready"}>`;
  }
}
