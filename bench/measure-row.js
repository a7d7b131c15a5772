/**
 * Measures one row, and tells its parent how far it is and what came out.
 *
 * Runs in: a process of its own, made by run.js. Arguments: the row's name, the factor of its rounds.
 */
import * as library from "../dist/index.js";
import { measure } from "./harness.js";
import { allRows } from "./rows.js";

const [, , name, rounds] = process.argv;
const row = allRows.find((each) => each.name === name);
const measured = await measure(row, {
  available: new Set(Object.keys(library)),
  scale: Number(rounds),
  progress: (text) => process.send({ progress: text }),
});
const result = row.curve === undefined ? measured : { ...measured, curve: row.curve, at: row.at };
// Peers that were given up may still hold the event loop.
process.send({ result }, () => process.exit(0));
