/**
 * A context with all that the top level has: what `process/context.ts` gives, and the parts above it.
 *
 * Runs in: every process.
 * Why here: a context has a Pool, and the floor of processes knows none.
 */
import { TimeoutError } from "./base/errors.ts";
import { ProcessPoolExecutor } from "./pool/executor.ts";
import { Pool } from "./pool/pool.ts";
import type { PoolOptions } from "./pool/pool-options.ts";
import { getContext as contextOfProcesses, type Context as ContextOfProcesses } from "./process/context.ts";
import { setForkserverPreload } from "./process/fork-server-preload.ts";
import { getpid, getppid } from "./process/identity.ts";
import type { StartMethod } from "./process/launcher.ts";
import { ShareableList } from "./sync/shareable-list.ts";
import { SharedArray } from "./sync/shared-array.ts";
import { SharedMemory } from "./sync/shared-memory.ts";
import { SharedValue } from "./sync/shared-value.ts";

/**
 * The API bound to a start method: every class and function of the top level by its name (`Process`, `Queue`, `Lock`, …),
 * but `setStartMethod`, the errors and what is of one call only.
 */
export interface Context extends Omit<ContextOfProcesses, "getContext"> {
  /** Its workers start by this context's method, unless its options name one. */
  readonly Pool: typeof Pool;
  /** Its workers start by this context's method, unless its options name one. */
  readonly ProcessPoolExecutor: typeof ProcessPoolExecutor;
  /** The same as at the top level. */
  readonly ShareableList: typeof ShareableList;
  /** The same as at the top level. */
  readonly SharedArray: typeof SharedArray;
  /** The same as at the top level. */
  readonly SharedMemory: typeof SharedMemory;
  /** The same as at the top level. */
  readonly SharedValue: typeof SharedValue;
  /** The same as at the top level; here as Python's contexts have it. */
  readonly TimeoutError: typeof TimeoutError;
  /** The same as at the top level. */
  readonly getpid: typeof getpid;
  /** The same as at the top level. */
  readonly getppid: typeof getppid;
  /** The same as at the top level: all contexts share the fork server. */
  readonly setForkserverPreload: typeof setForkserverPreload;
  /** The same as at the top level. */
  getContext: typeof getContext;
}

interface Pools {
  readonly Pool: typeof Pool;
  readonly ProcessPoolExecutor: typeof ProcessPoolExecutor;
}

/** One class for each method, so that it is the same in every context of that method. */
const bound = new Map<StartMethod, Pools>();

function poolsOf(method: StartMethod | undefined): Pools {
  if (method === undefined) return { Pool, ProcessPoolExecutor };
  let pools = bound.get(method);
  if (pools === undefined) {
    const withMethod = (options: PoolOptions | undefined): PoolOptions => ({ startMethod: method, ...options });
    pools = {
      Pool: class extends Pool {
        constructor(processes?: number | null, options?: PoolOptions) {
          super(processes, withMethod(options));
        }
      },
      ProcessPoolExecutor: class extends ProcessPoolExecutor {
        constructor(maxWorkers?: number | null, options?: PoolOptions) {
          super(maxWorkers, withMethod(options));
        }
      },
    };
    bound.set(method, pools);
  }
  return pools;
}

/**
 * The API bound to a start method.
 *
 * @param method @default the current method, whatever it will be when a process is started
 * @throws {MultiprocessingError} ERR_MP_INVALID_ARGUMENT when there is no such method; ERR_MP_NOT_SUPPORTED when this
 * machine cannot use it
 */
export function getContext(method?: StartMethod): Context {
  return {
    ...contextOfProcesses(method),
    ...poolsOf(method),
    ShareableList,
    SharedArray,
    SharedMemory,
    SharedValue,
    TimeoutError,
    getpid,
    getppid,
    setForkserverPreload,
    getContext,
  };
}
