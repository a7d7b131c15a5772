/* The event loop: descriptors that it watches, and the moment at which it has run empty. libuv's poll, prepare, idle. */
#include "addon.h"

#include <errno.h>
#include <stdlib.h>

#include "uv_declarations.h"

typedef struct {
  napi_env env;
  uv_handle_t *handle;
  napi_ref callback;
  napi_ref self; /* strong while it watches: nobody need keep the object */
  napi_async_context context;
  napi_async_cleanup_hook_handle hook;
  bool closed;
} watcher;

static uv_loop_t *loop_of(napi_env env) {
  uv_loop_t *loop;
  MP_CHECK(napi_get_uv_event_loop(env, &loop));
  return loop;
}

/* Calls into JavaScript from the loop; an error there is an uncaught one, as from any callback of Node's. */
static void call(napi_env env, napi_async_context context, napi_ref function) {
  napi_value callback, receiver, result;
  MP_CHECK(napi_get_reference_value(env, function, &callback));
  MP_CHECK(napi_get_global(env, &receiver));
  if (napi_make_callback(env, context, receiver, callback, 0, NULL, &result) == napi_pending_exception) {
    napi_value error;
    if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
  }
}

static napi_async_context async_context(napi_env env) {
  napi_value name;
  napi_async_context context;
  MP_CHECK(napi_create_string_utf8(env, "node-multiprocessing", NAPI_AUTO_LENGTH, &name));
  MP_CHECK(napi_async_init(env, NULL, name, &context));
  return context;
}

static void on_readable(uv_handle_t *handle, int status, int events) {
  (void)status;
  (void)events;
  watcher *w = uv_handle_get_data(handle);
  napi_handle_scope scope;
  MP_CHECK(napi_open_handle_scope(w->env, &scope));
  call(w->env, w->context, w->callback);
  MP_CHECK(napi_close_handle_scope(w->env, scope));
}

static void on_closed(uv_handle_t *handle) {
  watcher *w = uv_handle_get_data(handle);
  napi_remove_async_cleanup_hook(w->hook);
  free(handle);
  free(w);
}

/* The environment ends: its values are no longer to be touched, but its loop waits for the handle. */
static void on_cleanup(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  watcher *w = data;
  if (w->closed) return;
  w->closed = true;
  uv_close(w->handle, on_closed);
}

static void close_watcher(watcher *w) {
  if (w->closed) return;
  w->closed = true;
  napi_handle_scope scope;
  MP_CHECK(napi_open_handle_scope(w->env, &scope));
  napi_value self;
  void *unwrapped;
  MP_CHECK(napi_get_reference_value(w->env, w->self, &self));
  MP_CHECK(napi_remove_wrap(w->env, self, &unwrapped));
  MP_CHECK(napi_delete_reference(w->env, w->self));
  MP_CHECK(napi_delete_reference(w->env, w->callback));
  MP_CHECK(napi_async_destroy(w->env, w->context));
  MP_CHECK(napi_close_handle_scope(w->env, scope));
  uv_close(w->handle, on_closed);
}

/* NULL when it is closed: then nothing is left to do. */
static watcher *this_watcher(napi_env env, napi_callback_info info) {
  napi_value self;
  void *found = NULL;
  MP_CHECK(napi_get_cb_info(env, info, NULL, NULL, &self, NULL));
  if (napi_unwrap(env, self, &found) != napi_ok) return NULL;
  return found;
}

static napi_value watcher_ref(napi_env env, napi_callback_info info) {
  watcher *w = this_watcher(env, info);
  if (w != NULL) uv_ref(w->handle);
  return NULL;
}

static napi_value watcher_unref(napi_env env, napi_callback_info info) {
  watcher *w = this_watcher(env, info);
  if (w != NULL) uv_unref(w->handle);
  return NULL;
}

static napi_value watcher_also_writable(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  mp_arguments(env, info, 1, arguments);
  watcher *w = this_watcher(env, info);
  if (w == NULL) return NULL;
  int events = MP_UV_READABLE | (mp_bool(env, arguments[0]) ? MP_UV_WRITABLE : 0);
  int error = uv_poll_start(w->handle, events, on_readable);
  return error == 0 ? NULL : mp_throw_errno(env, -error, "uv_poll_start");
}

static napi_value watcher_close(napi_env env, napi_callback_info info) {
  watcher *w = this_watcher(env, info);
  if (w != NULL) close_watcher(w);
  return NULL;
}

static const mp_function watcher_methods[] = {
    {"ref", watcher_ref},
    {"unref", watcher_unref},
    {"alsoWritable", watcher_also_writable},
    {"close", watcher_close},
};

static napi_value watch(napi_env env, napi_callback_info info) {
  napi_value arguments[2], self;
  mp_arguments(env, info, 2, arguments);
  int descriptor = mp_int(env, arguments[0]);
  watcher *w = calloc(1, sizeof(*w));
  uv_handle_t *handle = calloc(1, uv_handle_size(MP_UV_POLL));
  if (w == NULL || handle == NULL) {
    free(w);
    free(handle);
    return mp_throw_errno(env, ENOMEM, "calloc");
  }
  int error = uv_poll_init(loop_of(env), handle, descriptor);
  if (error != 0) {
    free(w);
    free(handle);
    return mp_throw_errno(env, -error, "uv_poll_init");
  }
  w->env = env;
  w->handle = handle;
  uv_handle_set_data(handle, w);
  MP_CHECK(napi_create_object(env, &self));
  MP_CHECK(napi_wrap(env, self, w, NULL, NULL, NULL));
  MP_CHECK(napi_create_reference(env, self, 1, &w->self));
  MP_CHECK(napi_create_reference(env, arguments[1], 1, &w->callback));
  w->context = async_context(env);
  MP_CHECK(napi_add_async_cleanup_hook(env, on_cleanup, w, &w->hook));
  for (size_t i = 0; i < sizeof(watcher_methods) / sizeof(watcher_methods[0]); i++) {
    napi_value method;
    const mp_function *entry = &watcher_methods[i];
    MP_CHECK(napi_create_function(env, entry->name, NAPI_AUTO_LENGTH, entry->function, NULL, &method));
    mp_set(env, self, entry->name, method);
  }
  error = uv_poll_start(handle, MP_UV_READABLE, on_readable);
  if (error != 0) {
    close_watcher(w);
    return mp_throw_errno(env, -error, "uv_poll_start");
  }
  return self;
}

/* One process has one of these at most: it is a forked child, and ends with its loop. */
static struct {
  napi_env env;
  uv_handle_t *prepare;
  uv_handle_t *idle;
  napi_ref on_empty;
  napi_ref on_end;
  napi_async_context context;
  int empty_turns;
} empty_loop;

/* V8's foreground tasks come through a handle that does not keep the loop alive: they get a turn to bring new work. */
enum { TURNS_BEFORE_EMPTY = 2 };

static void do_nothing(uv_handle_t *handle) { (void)handle; }

static bool alive_without_us(void) {
  uv_unref(empty_loop.prepare);
  bool alive = uv_loop_alive(loop_of(empty_loop.env)) != 0;
  uv_ref(empty_loop.prepare);
  return alive;
}

static void before_polling(uv_handle_t *handle) {
  (void)handle;
  if (alive_without_us()) {
    if (empty_loop.empty_turns > 0) uv_idle_stop(empty_loop.idle);
    empty_loop.empty_turns = 0;
    return;
  }
  if (empty_loop.empty_turns++ < TURNS_BEFORE_EMPTY) {
    uv_idle_start(empty_loop.idle, do_nothing); /* so that the loop does not block, and looks again */
    return;
  }
  napi_env env = empty_loop.env;
  napi_handle_scope scope;
  MP_CHECK(napi_open_handle_scope(env, &scope));
  call(env, empty_loop.context, empty_loop.on_empty);
  if (!alive_without_us()) call(env, empty_loop.context, empty_loop.on_end);
  MP_CHECK(napi_close_handle_scope(env, scope));
  empty_loop.empty_turns = 1;
}

static napi_value watch_empty_loop(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  mp_arguments(env, info, 2, arguments);
  uv_loop_t *loop = loop_of(env);
  empty_loop.env = env;
  empty_loop.prepare = calloc(1, uv_handle_size(MP_UV_PREPARE));
  empty_loop.idle = calloc(1, uv_handle_size(MP_UV_IDLE));
  if (empty_loop.prepare == NULL || empty_loop.idle == NULL) return mp_throw_errno(env, ENOMEM, "calloc");
  MP_CHECK(napi_create_reference(env, arguments[0], 1, &empty_loop.on_empty));
  MP_CHECK(napi_create_reference(env, arguments[1], 1, &empty_loop.on_end));
  empty_loop.context = async_context(env);
  uv_prepare_init(loop, empty_loop.prepare);
  uv_idle_init(loop, empty_loop.idle);
  uv_unref(empty_loop.idle);
  uv_prepare_start(empty_loop.prepare, before_polling);
  return NULL;
}

const mp_function mp_loop_functions[] = {
    {"watch", watch}, /* (descriptor, callback) -> {ref, unref, alsoWritable, close}: called while it can be read, or has ended */
    {"watchEmptyLoop", watch_empty_loop}, /* (onEmpty, onEnd): once nothing keeps the loop alive; onEnd if still so */
    {NULL, NULL},
};
