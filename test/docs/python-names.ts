/** The public names of Python's multiprocessing and concurrent.futures (3.11 to 3.16), by introspection and its documents. */

const named: Record<string, string> = {
  "": `Array AuthenticationError Barrier BoundedSemaphore BufferTooShort Condition Event JoinableQueue Lock Manager Pipe Pool
    Process ProcessError Queue RLock RawArray RawValue Semaphore SimpleQueue TimeoutError Value active_children
    allow_connection_pickling cpu_count current_process freeze_support get_all_start_methods get_context get_logger
    get_start_method log_to_stderr parent_process reducer set_executable set_forkserver_preload set_start_method`,
  Process: "authkey close daemon exitcode ident interrupt is_alive join kill name pid run sentinel start terminate",
  parent_process: "name pid ident is_alive join sentinel",
  Connection: `close closed fileno poll readable recv recv_bytes recv_bytes_into send send_bytes writable`,
  "multiprocessing.connection": "Client Listener Pipe wait answer_challenge deliver_challenge",
  Listener: "accept address close last_accepted",
  Queue: `cancel_join_thread close empty full get get_nowait join_thread put put_nowait qsize`,
  JoinableQueue: "join task_done",
  SimpleQueue: "close empty get put",
  Lock: "acquire locked release",
  RLock: "acquire locked release",
  Semaphore: "acquire get_value locked release",
  BoundedSemaphore: "acquire get_value locked release",
  Condition: "acquire notify notify_all release wait wait_for",
  Event: "clear is_set set wait",
  Barrier: "abort broken n_waiting parties reset wait",
  Value: "acquire get_lock get_obj release value",
  Array: "acquire get_lock get_obj raw release value",
  "multiprocessing.sharedctypes": "Array RawArray RawValue Value copy synchronized",
  SharedMemory: "buf close name size unlink",
  ShareableList: "count format index shm",
  Pool: `apply apply_async close imap imap_unordered join map map_async starmap starmap_async terminate`,
  AsyncResult: "get ready successful wait",
  IMapIterator: "next",
  "multiprocessing.pool": "ThreadPool",
  "multiprocessing.dummy": "Process",
  ProcessPoolExecutor: "kill_workers map shutdown submit terminate_workers",
  Future: `add_done_callback cancel cancelled done exception result running set_exception set_result
    set_running_or_notify_cancel`,
  "concurrent.futures": `ALL_COMPLETED FIRST_COMPLETED FIRST_EXCEPTION BrokenExecutor CancelledError Executor Future
    InterpreterPoolExecutor InvalidStateError ProcessPoolExecutor ThreadPoolExecutor TimeoutError as_completed wait`,
  "multiprocessing.managers": `BaseManager BaseProxy Namespace RemoteError SharedMemoryManager SyncManager Token`,
  BaseManager: "address connect get_server join register shutdown start",
  SyncManager: `Array Barrier BoundedSemaphore Condition Event JoinableQueue Lock Namespace Pool Queue RLock Semaphore Value
    dict list set`,
  SharedMemoryManager: "ShareableList SharedMemory",
  "multiprocessing.resource_tracker": "ensure_running getfd register unregister",
  "multiprocessing.reduction": "DupFd ForkingPickler recv_handle recvfds send_handle sendfds",
  "multiprocessing.util": "Finalize get_temp_dir is_exiting register_after_fork",
};

/** As the documents write them: "Process.start", "multiprocessing.connection.wait". */
export const pythonNames: readonly string[] = Object.entries(named).flatMap(([owner, names]) =>
  names
    .trim()
    .split(/\s+/)
    .map((name) => (owner === "" ? name : `${owner}.${name}`)),
);
