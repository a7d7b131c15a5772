/** A module that goes wrong in other processes, as this one knows it. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { projectRoot } from "./project.ts";

/** What `faulty-module.ts` exports: the module has that fault in the workers only. */
export async function soundHere(fault: string): Promise<() => string> {
  process.env["FAULTY_MODULE_IS_SOUND"] = "1";
  try {
    const url = pathToFileURL(join(projectRoot, "build", "test", "programs", "faulty-module.js"));
    return ((await import(`${url.href}?${fault}`)) as { work: () => string }).work;
  } finally {
    delete process.env["FAULTY_MODULE_IS_SOUND"];
  }
}
