/**
 * Ends while its children wait for what it would send them, and while others are being started.
 * Arguments: the start method, how it ends.
 */
import { getContext, Pipe, type Connection, type StartMethod } from "#src/index.js";

const [, , method, how] = process.argv;
const { Process } = getContext(method as StartMethod);
/** Not collected: that would close them. */
const kept: Connection[] = [];

function listener(target: (end: Connection) => unknown): InstanceType<typeof Process> {
  const [here, there] = Pipe();
  kept.push(here);
  return new Process({ target, args: [there], daemon: true }) as unknown as InstanceType<typeof Process>;
}

/** They have told that they listen. */
const listeners = [
  listener(async (end) => {
    await end.send("listening");
    await end.recv();
  }),
  listener((end) => {
    end.sendSync("listening");
    end.recvSync();
  }),
];
for (const each of listeners) await each.start();
for (const end of kept.slice()) await end.recv();
const starting = [0, 1, 2, 3].map(() => listener((end) => end.recv()));
const all = Promise.all(starting.map((each) => each.start()));
if (how !== "while starting") await all;
if (how!.startsWith("SIG")) process.kill(process.pid, how);
else if (how !== "return") process.exit(kept.length === 6 ? 0 : 1);
