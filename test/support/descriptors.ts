/** What /proc says of an open descriptor. */
import { constants, readFileSync } from "node:fs";

/** Whether a write to it waits until there is room: a property of what is open, whoever shares it. */
export function waitsForRoom(descriptor: number): boolean {
  const flags = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, "latin1"))![1]!;
  return (Number.parseInt(flags, 8) & constants.O_NONBLOCK) === 0;
}
