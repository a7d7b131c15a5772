/*
 * Doorbells: how a process is told to look at shared memory. An abstract Unix datagram socket for one that is in its
 * event loop, futex(2) for one that blocks. Neither carries data.
 */
#include "addon.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* Abstract: no file, so nothing is left when its owner is killed. */
static bool address_of(napi_env env, napi_value value, struct sockaddr_un *address, socklen_t *length) {
  void *bytes;
  size_t count;
  MP_CHECK(napi_get_typedarray_info(env, value, NULL, &count, &bytes, NULL, NULL));
  if (count + 1 > sizeof(address->sun_path)) return false;
  memset(address, 0, sizeof(*address));
  address->sun_family = AF_UNIX;
  memcpy(address->sun_path + 1, bytes, count);
  *length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + count);
  return true;
}

static napi_value open_doorbell(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  struct sockaddr_un address;
  socklen_t length;
  mp_arguments(env, info, 1, arguments);
  if (!address_of(env, arguments[0], &address, &length)) return mp_throw_errno(env, ENAMETOOLONG, "bind");
  int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return mp_throw_errno(env, errno, "socket");
  if (bind(descriptor, (struct sockaddr *)&address, length) != 0) {
    int error = errno;
    close(descriptor);
    return mp_throw_errno(env, error, "bind");
  }
  return mp_from_int(env, descriptor);
}

/* A full one has rung already. */
static napi_value ring(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  struct sockaddr_un address;
  socklen_t length;
  mp_arguments(env, info, 2, arguments);
  if (!address_of(env, arguments[1], &address, &length)) return mp_throw_errno(env, ENAMETOOLONG, "sendto");
  ssize_t sent;
  do {
    sent = sendto(mp_int(env, arguments[0]), "", 1, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&address, length);
  } while (sent < 0 && errno == EINTR);
  return mp_from_bool(env, sent >= 0 || errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS);
}

static napi_value hush(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  char byte;
  mp_arguments(env, info, 1, arguments);
  int descriptor = mp_int(env, arguments[0]);
  while (recv(descriptor, &byte, 1, MSG_DONTWAIT) < 0 && errno == EINTR) continue;
  return NULL;
}

static int32_t *word(napi_env env, napi_value array, napi_value index) {
  void *data;
  size_t length;
  double at;
  MP_CHECK(napi_get_typedarray_info(env, array, NULL, &length, &data, NULL, NULL));
  MP_CHECK(napi_get_value_double(env, index, &at));
  return at >= 0 && at < (double)length ? (int32_t *)data + (size_t)at : NULL;
}

enum { WOKEN, TIMED_OUT, INTERRUPTED };

/* SIGCHLD is libuv's own business: while it is held back here, it does not end the wait. sigprocmask() is the thread's
   own on Linux, and unlike pthread_sigmask() asks for no new glibc. */
static napi_value futex_wait(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  mp_arguments(env, info, 4, arguments);
  int32_t *at = word(env, arguments[0], arguments[1]);
  if (at == NULL) return mp_throw_errno(env, ERANGE, "futex");
  double timeout_ms;
  MP_CHECK(napi_get_value_double(env, arguments[3], &timeout_ms));
  struct timespec limit = {(time_t)(timeout_ms / 1000), (long)((timeout_ms - (double)(time_t)(timeout_ms / 1000) * 1000) * 1e6)};
  sigset_t child, before;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, &before);
  long result = syscall(SYS_futex, at, FUTEX_WAIT, mp_int(env, arguments[2]), &limit, NULL, 0);
  int error = errno;
  sigprocmask(SIG_SETMASK, &before, NULL);
  if (result == 0 || error == EAGAIN) return mp_from_int(env, WOKEN);
  if (error == ETIMEDOUT) return mp_from_int(env, TIMED_OUT);
  if (error == EINTR) return mp_from_int(env, INTERRUPTED);
  return mp_throw_errno(env, error, "futex");
}

static napi_value futex_wake(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  mp_arguments(env, info, 3, arguments);
  int32_t *at = word(env, arguments[0], arguments[1]);
  if (at == NULL) return mp_throw_errno(env, ERANGE, "futex");
  long woken = syscall(SYS_futex, at, FUTEX_WAKE, mp_int(env, arguments[2]), NULL, NULL, 0);
  if (woken < 0) return mp_throw_errno(env, errno, "futex");
  return mp_from_int(env, woken);
}

const mp_function mp_doorbell_functions[] = {
    {"openDoorbell", open_doorbell}, /* (address) -> descriptor of a socket bound to it, non-blocking */
    {"ring", ring},                  /* (own doorbell, address) -> false when nobody owns that address */
    {"hush", hush},                  /* (own doorbell): takes one ring off it */
    {"futexWait", futex_wait},       /* (Int32Array, index, expected, timeoutMs) -> 0 woken or changed, 1 time, 2 signal */
    {"futexWake", futex_wake},       /* (Int32Array, index, count) -> how many were woken */
    {NULL, NULL},
};
