/** Where the project's root is, seen from the compiled tests. */
import { fileURLToPath } from "node:url";

export const projectRoot: string = fileURLToPath(new URL("../../../", import.meta.url));
