/** Tells that it is there, and stays. */
import { parentPort } from "node:worker_threads";

setInterval(() => {}, 2 ** 30);
if (parentPort === null) process.send("ready");
else parentPort.postMessage("ready");
