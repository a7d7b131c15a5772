/** Logs from itself and from a child. `logging-parent.js <start method>` */
import { getContext, getLogger, logToStderr, type StartMethod } from "#src/index.js";

logToStderr("info");
getLogger().debug("hidden");
const child = new (getContext(process.argv[2] as StartMethod).Process)({
  name: "logged",
  target: () => {
    getLogger().debug("hidden");
    getLogger().warning("from the child");
  },
});
await child.start();
await child.join();
