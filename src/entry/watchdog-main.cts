/**
 * Ends a spawned child, in a busy loop or not, when its owner has ended.
 *
 * Runs in: a thread of the child. Nothing is ever sent on the lifeline: what can be read from it is its end, which
 * comes when the owner's end is closed, by the kernel if need be.
 * Why CommonJS: no loader that the program has registered is asked for it.
 */
const net: typeof import("node:net") = require("node:net");

const lifelineDescriptor = 4;

const lifeline = new net.Socket({ fd: lifelineDescriptor, readable: true, writable: false });
lifeline.on("error", end);
lifeline.on("close", end);
lifeline.on("end", end);
lifeline.resume();

function end(): void {
  process.kill(process.pid, "SIGKILL");
}
