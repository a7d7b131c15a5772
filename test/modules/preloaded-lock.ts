/** Preloaded by fork servers: objects of synchronisation that the server makes, and all its children share. */
import { Condition, Lock, Queue, Semaphore, SharedValue } from "#src/index.js";

export const madeBy: number = process.pid;
export const lock: Lock = new Lock();
export const condition: Condition = new Condition();
export const arrived: Semaphore = new Semaphore(0);
export const queue: Queue<number> = new Queue<number>();
export const count: SharedValue<"int32"> = new SharedValue("int32", 0);
