/*
 * Doorbells: how a process is told to look at shared memory. An abstract Unix datagram socket for one that is in its
 * event loop, futex(2) for one that blocks. Neither carries data.
 */
#include "addon.h"

#include <errno.h>
#include <linux/futex.h>
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

/*
 * A signal that comes between the look and the sleep is seen after the limit only, which is therefore to be short. Why not
 * poll(2) on libuv's pipe instead: to wake by a socket takes twice as long as by a futex.
 */
static napi_value futex_wait(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  mp_arguments(env, info, 5, arguments);
  int32_t *at = word(env, arguments[0], arguments[1]);
  if (at == NULL) return mp_throw_errno(env, ERANGE, "futex");
  double timeout_ms;
  MP_CHECK(napi_get_value_double(env, arguments[3], &timeout_ms));
  bool interruptible = mp_bool(env, arguments[4]);
  struct timespec limit;
  clock_gettime(CLOCK_MONOTONIC, &limit);
  time_t seconds = (time_t)(timeout_ms / 1000);
  limit.tv_sec += seconds;
  limit.tv_nsec += (long)((timeout_ms - (double)seconds * 1000) * 1e6);
  if (limit.tv_nsec >= 1000000000) {
    limit.tv_sec++;
    limit.tv_nsec -= 1000000000;
  }
  for (;;) {
    if (interruptible && mp_signal_is_pending(env)) return mp_from_int(env, INTERRUPTED);
    /* Unlike FUTEX_WAIT it takes the moment at which to end: other signals (SIGCHLD, a profiler's) do not put that off. */
    long result = syscall(SYS_futex, at, FUTEX_WAIT_BITSET, mp_int(env, arguments[2]), &limit, NULL, FUTEX_BITSET_MATCH_ANY);
    if (result == 0 || errno == EAGAIN) return mp_from_int(env, WOKEN);
    if (errno == ETIMEDOUT) return mp_from_int(env, TIMED_OUT);
    if (errno != EINTR) return mp_throw_errno(env, errno, "futex");
  }
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
    {"futexWait", futex_wait},       /* (Int32Array, index, expected, timeoutMs, interruptible) -> 0 woken or changed, 1 time, 2 signal */
    {"futexWake", futex_wake},       /* (Int32Array, index, count) -> how many were woken */
    {NULL, NULL},
};
