/** What the curves are called, and their axes, for those who draw them and do not measure. */
export const curves = {
  "start-against-heap": {
    title: "Start and join against the heap that is preloaded",
    x: { title: "heap preloaded, MB" },
    y: { title: "ms" },
  },
  "pool-against-workers": {
    title: "Trivial tasks a second against workers",
    x: { title: "workers", log: true },
    y: { title: "tasks a second", log: true },
  },
  "queue-against-size": {
    title: "Queue throughput against the size of a message",
    x: { title: "bytes a message", log: true },
    y: { title: "MiB a second", log: true },
  },
  "queue-against-producers": {
    title: "Integers a second through a queue against producers",
    x: { title: "producers", log: true },
    y: { title: "items a second", log: true },
  },
  "memory-against-workers": {
    title: "Private memory against idle processes",
    x: { title: "idle processes", log: true },
    y: { title: "MiB", log: true },
  },
};
