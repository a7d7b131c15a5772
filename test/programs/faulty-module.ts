/** A module whose evaluation goes wrong in the way that its query says, unless the environment says not to. */
const fault = new URL(import.meta.url).search.slice(1);

if (process.env["FAULTY_MODULE_IS_SOUND"] === undefined) {
  switch (fault) {
    case "exit":
      process.exit(7);
      break;
    case "throw":
      throw new RangeError("thrown");
    case "reject":
      await Promise.reject(new RangeError("rejected"));
      break;
    case "kill":
      process.kill(process.pid, "SIGKILL");
      for (;;);
    case "loop":
      for (;;);
    case "slow": {
      const end = performance.now() + 1000;
      while (performance.now() < end);
    }
  }
}

export function work(): string {
  return "sound";
}
