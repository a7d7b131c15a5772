/*
 * Signals that libuv has caught and whose handlers have not run yet, since the thread has not been back in its loop.
 *
 * libuv counts for each of its signal handles what was caught, and what was dispatched once the callback has returned. So
 * while a handler runs, its own signal is among those not dispatched. Whether one is running is told by libuv's pipe: what is
 * caught is in there until it is dispatched, all that is there at a time; what is no longer there and not dispatched yet, is
 * being dispatched.
 *
 * Why not look at the pipe alone: it carries SIGCHLD for child processes too. Why not a handler of our own: it would have to
 * come and go with those of the program, and knows nothing of what came before the wait.
 */
#include "addon.h"

#include <sys/ioctl.h>

#include "uv_declarations.h"

typedef struct {
  unsigned open;    /* of handles that are open: their handlers will run */
  unsigned closing; /* of handles whose handler has been taken away meanwhile */
} undispatched;

static unsigned undispatched_of(const uv_signal_t *signal) {
  const mp_uv_signal_tail *tail =
      (const mp_uv_signal_tail *)((const char *)signal + uv_handle_size(MP_UV_SIGNAL) - sizeof(mp_uv_signal_tail));
  return tail->caught_signals - tail->dispatched_signals;
}

/* uv_walk() leaves out libuv's own handle, which is for SIGCHLD. */
static void count(uv_handle_t *handle, void *data) {
  if (uv_handle_get_type(handle) != MP_UV_SIGNAL) return;
  undispatched *counts = data;
  *(uv_is_closing(handle) ? &counts->closing : &counts->open) += undispatched_of((const uv_signal_t *)handle);
}

/* True while a callback of a signal runs. */
static bool is_dispatching(const uv_loop_t *loop, const undispatched *counts) {
  const mp_uv_loop_tail *tail = (const mp_uv_loop_tail *)((const char *)loop + uv_loop_size() - sizeof(mp_uv_loop_tail));
  int bytes;
  /* Of another libuv than the declarations are of, or without a pipe yet. */
  if (tail->signal_pipe[0] < 0 || tail->signal_watcher.descriptor != tail->signal_pipe[0]) return false;
  if (ioctl(tail->signal_pipe[0], FIONREAD, &bytes) != 0) return false;
  const uv_signal_t *own = (const uv_signal_t *)&tail->child_watcher;
  return counts->open + counts->closing + undispatched_of(own) > (unsigned)bytes / sizeof(mp_uv_signal_message);
}

bool mp_signal_is_pending(napi_env env) {
  uv_loop_t *loop;
  undispatched counts = {0, 0};
  MP_CHECK(napi_get_uv_event_loop(env, &loop));
  uv_walk(loop, count, &counts);
  if (counts.open != 1) return counts.open > 1; /* Only one handler runs at a time. */
  /* One that was taken away by its own first call (`once`) is the one that runs. */
  return counts.closing > 0 || !is_dispatching(loop, &counts);
}
