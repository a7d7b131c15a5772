/** What the rows do with processes of the library's own. */

/** All first, so that none is left to complain about the others. */
export async function killAll(processes) {
  for (const each of processes) each.kill();
  for (const each of processes) await each.join();
}
