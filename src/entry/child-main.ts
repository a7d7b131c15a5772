/**
 * The program of a spawned child: `node child-main.js <name> attached|detached [family]`.
 *
 * Runs in: the child, as its main module. Descriptor 3 is the control channel, descriptor 4 the lifeline,
 * descriptor 5 the family's memory where there is one.
 */
import { runChild } from "../process/child-runtime.ts";
import { ControlEnd } from "../process/control-end.ts";
import { inheritFamily } from "../memory/family.ts";
import {
  controlDescriptor,
  familyDescriptorInChild,
  familyWord,
  lifelineDescriptor,
} from "../process/spawn-launcher.ts";
import { watchOwner } from "../process/watch-owner.ts";

if (process.argv[3] === "attached") watchOwner(lifelineDescriptor);
if (process.argv[4] === familyWord) inheritFamily(familyDescriptorInChild);
void runChild(new ControlEnd(controlDescriptor));
