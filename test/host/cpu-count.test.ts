/** The number of processors: affinity and the quotas of control groups, both versions. */
import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { test } from "node:test";
import { cpuCount } from "#src/index.js";
import { quotaInCpus } from "#src/host/cpu-count.js";

function machine(files: Record<string, string>): (path: string) => string | undefined {
  return (path) => files[path];
}

test("cpuCount is at least 1 and at most what the scheduler allows", () => {
  assert.ok(cpuCount() >= 1 && cpuCount() <= availableParallelism());
});

test("without a quota there is no limit", () => {
  assert.equal(quotaInCpus(machine({})), Infinity);
  assert.equal(
    quotaInCpus(machine({ "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "max 100000\n" })),
    Infinity,
  );
});

test("the smallest quota of the group and of those round it binds (version 2)", () => {
  const files = {
    "/proc/self/cgroup": "0::/a/b\n",
    "/sys/fs/cgroup/a/b/cpu.max": "400000 100000\n",
    "/sys/fs/cgroup/a/cpu.max": "150000 100000\n",
  };
  assert.equal(quotaInCpus(machine(files)), 1.5);
});

test("a quota of version 1 binds as well, and -1 is none", () => {
  const group = "/sys/fs/cgroup/cpu,cpuacct/docker";
  const files = { "/proc/self/cgroup": "4:cpu,cpuacct:/docker\n", [`${group}/cpu.cfs_period_us`]: "100000\n" };
  assert.equal(quotaInCpus(machine({ ...files, [`${group}/cpu.cfs_quota_us`]: "200000\n" })), 2);
  assert.equal(quotaInCpus(machine({ ...files, [`${group}/cpu.cfs_quota_us`]: "-1\n" })), Infinity);
});
