/** Preloads a module that starts a thread, then starts a process: the start method has to be spawn. */
import { getAllStartMethods, Process, setForkserverPreload } from "#src/index.js";

setForkserverPreload([process.argv[2]!]);
const child = new Process({ target: () => 42 });
await child.start();
console.log(`answered ${await child.result}`);
await child.join();
console.log(`methods ${getAllStartMethods().join()}`);
