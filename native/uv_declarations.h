/*
 * The few functions of libuv that are used, declared by hand: its headers do not come from npm, and the addon must not
 * build only where Node's are installed. They are part of libuv's stable ABI; sizes are asked of it at run time.
 */
#ifndef NODE_MULTIPROCESSING_UV_H
#define NODE_MULTIPROCESSING_UV_H

#include <stddef.h>

typedef struct uv_loop_s uv_loop_t;
typedef struct uv_handle_s uv_handle_t;

/* enum uv_handle_type */
enum { MP_UV_IDLE = 6, MP_UV_POLL = 8, MP_UV_PREPARE = 9 };
enum { MP_UV_READABLE = 1 };

typedef void (*mp_uv_close_cb)(uv_handle_t *);
typedef void (*mp_uv_poll_cb)(uv_handle_t *, int status, int events);
typedef void (*mp_uv_plain_cb)(uv_handle_t *);

size_t uv_handle_size(int type);
void uv_handle_set_data(uv_handle_t *, void *);
void *uv_handle_get_data(const uv_handle_t *);
void uv_close(uv_handle_t *, mp_uv_close_cb);
void uv_ref(uv_handle_t *);
void uv_unref(uv_handle_t *);
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

#endif
