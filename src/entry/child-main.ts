/**
 * The program of a spawned child: `node child-main.js <name> attached|detached`.
 *
 * Runs in: the child, as its main module. Descriptor 3 is the control channel, descriptor 4 the lifeline.
 */
import { runChild } from "../process/child-runtime.ts";
import { ControlEnd } from "../process/control-end.ts";
import { controlDescriptor, lifelineDescriptor } from "../process/spawn-launcher.ts";
import { watchOwner } from "../process/watch-owner.ts";

if (process.argv[3] === "attached") watchOwner(lifelineDescriptor);
void runChild(new ControlEnd(controlDescriptor));
