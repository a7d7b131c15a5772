/*
 * The few functions of libuv that are used, declared by hand: its headers do not come from npm, and the addon must not
 * build only where Node's are installed. They are part of libuv's stable ABI; sizes are asked of it at run time.
 */
#ifndef NODE_MULTIPROCESSING_UV_H
#define NODE_MULTIPROCESSING_UV_H

#include <stddef.h>
#include <stdint.h>

typedef struct uv_loop_s uv_loop_t;
typedef struct uv_handle_s uv_handle_t;
typedef struct uv_signal_s uv_signal_t;

/* enum uv_handle_type */
enum { MP_UV_IDLE = 6, MP_UV_POLL = 8, MP_UV_PREPARE = 9, MP_UV_SIGNAL = 16 };
enum { MP_UV_READABLE = 1, MP_UV_WRITABLE = 2 };

typedef void (*mp_uv_close_cb)(uv_handle_t *);
typedef void (*mp_uv_poll_cb)(uv_handle_t *, int status, int events);
typedef void (*mp_uv_plain_cb)(uv_handle_t *);
typedef void (*mp_uv_walk_cb)(uv_handle_t *, void *data);

size_t uv_handle_size(int type);
void uv_handle_set_data(uv_handle_t *, void *);
void *uv_handle_get_data(const uv_handle_t *);
void uv_close(uv_handle_t *, mp_uv_close_cb);
void uv_ref(uv_handle_t *);
void uv_unref(uv_handle_t *);
int uv_handle_get_type(const uv_handle_t *);
int uv_is_closing(const uv_handle_t *);
void uv_walk(uv_loop_t *, mp_uv_walk_cb, void *data);
size_t uv_loop_size(void);
int uv_loop_alive(const uv_loop_t *);
int uv_loop_fork(uv_loop_t *);
int uv_poll_init(uv_loop_t *, uv_handle_t *, int descriptor);
int uv_poll_start(uv_handle_t *, int events, mp_uv_poll_cb);
int uv_prepare_init(uv_loop_t *, uv_handle_t *);
int uv_prepare_start(uv_handle_t *, mp_uv_plain_cb);
int uv_idle_init(uv_loop_t *, uv_handle_t *);
int uv_idle_start(uv_handle_t *, mp_uv_plain_cb);
int uv_idle_stop(uv_handle_t *);
const char *uv_err_name(int);
const char *uv_strerror(int);

/* The ends of two structures, whose layout is a part of that ABI as well (uv/unix.h, uv/linux.h). */
typedef struct {
  unsigned caught_signals;
  unsigned dispatched_signals;
} mp_uv_signal_tail;

typedef struct {
  void *pointers[5];
  unsigned events[2];
  int descriptor;
} mp_uv_io;

typedef struct {
  int signal_pipe[2];
  mp_uv_io signal_watcher;
  uint64_t child_watcher[19]; /* a uv_signal_t */
  int reserve_descriptor;
  mp_uv_io inotify_watcher;
  void *inotify_watchers;
  int inotify_descriptor;
} mp_uv_loop_tail;

/* What is in the pipe, one for each signal that was caught. */
typedef struct {
  uv_signal_t *handle;
  int signal_number;
} mp_uv_signal_message;

#endif
