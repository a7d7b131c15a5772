/** Sends functions of its own while it is evaluated, and afterwards from callbacks without a name. */
import { encode } from "#src/wire/codec.js";

export function mine(): string {
  return "mine";
}

const isReference = (bytes: Uint8Array): boolean => Buffer.from(bytes).includes('"how":"import"');

export const duringEvaluation: boolean = isReference(encode(mine).bytes);
export const inCallbackDuringEvaluation: boolean = [0].map(() => isReference(encode(mine).bytes))[0]!;
export const afterwards = (): boolean => [0].map(() => isReference(encode(mine).bytes))[0]!;
