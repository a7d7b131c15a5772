/** Preloaded by fork servers: a handler for a signal, which the server itself never comes to run. */
process.on("SIGALRM", () => {});
