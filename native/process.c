/* Processes: pidfd_open(2), pidfd_send_signal(2), ioctl_pidfd(2), waitid(2), fcntl(2) for lifelines. */
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif

/* linux/pidfd.h, declared by hand: the exit code is there from Linux 6.15 on, headers are often older. */
typedef struct {
  uint64_t mask;
  uint64_t cgroup_id;
  uint32_t ids[11];
  int32_t exit_code;
} pidfd_info;
#define MP_PIDFD_GET_INFO _IOWR(0xFF, 11, pidfd_info)
enum { MP_PIDFD_INFO_EXIT = 1 << 3 };

static napi_value pidfd_open(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  mp_arguments(env, info, 1, arguments);
  long descriptor = syscall(SYS_pidfd_open, mp_int(env, arguments[0]), 0);
  if (descriptor < 0) return mp_throw_errno(env, errno, "pidfd_open");
  return mp_from_int(env, descriptor);
}

static napi_value pidfd_signal(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  mp_arguments(env, info, 2, arguments);
  long result = syscall(SYS_pidfd_send_signal, mp_int(env, arguments[0]), mp_int(env, arguments[1]), NULL, 0);
  if (result != 0 && errno != ESRCH) return mp_throw_errno(env, errno, "pidfd_send_signal");
  return mp_from_bool(env, result == 0);
}

extern char **environ;

/* A process has one environment; its copies in worker threads are not asked for. */
static napi_value environment_changed(napi_env env, napi_callback_info info) {
  (void)info;
  static char *known = NULL;
  static size_t known_length = 0;
  size_t length = 0;
  bool same = true;
  for (char **each = environ; each != NULL && *each != NULL; each++) {
    size_t size = strlen(*each) + 1;
    same = same && length + size <= known_length && memcmp(known + length, *each, size) == 0;
    length += size;
  }
  if (same && length == known_length) return mp_from_bool(env, false);
  char *copy = malloc(length + 1);
  if (copy == NULL) return mp_from_bool(env, true);
  free(known);
  known = copy;
  known_length = length;
  for (char **each = environ; each != NULL && *each != NULL; each++) copy = stpcpy(copy, *each) + 1;
  return mp_from_bool(env, true);
}

static napi_value status_object(napi_env env, int code, int signal_number) {
  napi_value status;
  MP_CHECK(napi_create_object(env, &status));
  mp_set(env, status, "code", mp_from_int(env, code));
  mp_set(env, status, "signal", mp_from_int(env, signal_number));
  return status;
}

static napi_value pidfd_exit_status(napi_env env, napi_callback_info info) {
  napi_value arguments[1], nothing;
  mp_arguments(env, info, 1, arguments);
  pidfd_info found = {.mask = MP_PIDFD_INFO_EXIT};
  if (ioctl(mp_int(env, arguments[0]), MP_PIDFD_GET_INFO, &found) == 0 && (found.mask & MP_PIDFD_INFO_EXIT) != 0) {
    int status = found.exit_code;
    return WIFSIGNALED(status) ? status_object(env, 0, WTERMSIG(status)) : status_object(env, WEXITSTATUS(status), 0);
  }
  MP_CHECK(napi_get_null(env, &nothing));
  return nothing;
}

/* False when the other end is closed already. */
static napi_value arm_lifeline(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  mp_arguments(env, info, 1, arguments);
  int descriptor = mp_int(env, arguments[0]);
  int flags = fcntl(descriptor, F_GETFL);
  if (flags < 0 || fcntl(descriptor, F_SETOWN, getpid()) != 0 || fcntl(descriptor, F_SETSIG, SIGKILL) != 0 ||
      fcntl(descriptor, F_SETFL, flags | O_ASYNC) != 0) {
    return mp_throw_errno(env, errno, "fcntl");
  }
  struct pollfd end = {.fd = descriptor, .events = POLLIN};
  bool gone = poll(&end, 1, 0) > 0 && (end.revents & (POLLIN | POLLHUP)) != 0;
  return mp_from_bool(env, !gone);
}

/* Reaps one process that was left to this one: {code, signal}, or null when it is not, or has not ended. */
static napi_value reap_orphan(napi_env env, napi_callback_info info) {
  napi_value arguments[1], nothing;
  int status;
  mp_arguments(env, info, 1, arguments);
  if (waitpid(mp_int(env, arguments[0]), &status, WNOHANG) > 0) {
    return WIFSIGNALED(status) ? status_object(env, 0, WTERMSIG(status)) : status_object(env, WEXITSTATUS(status), 0);
  }
  MP_CHECK(napi_get_null(env, &nothing));
  return nothing;
}

/* Linux 6.13 and 6.14 know the question but not the answer, and of a process that lives there is none to see: tried. */
static bool tells_exit_codes(void) {
  const int code = 42;
  pid_t pid = vfork();
  if (pid == 0) _exit(code);
  if (pid < 0) return false;
  int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  int status;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  pidfd_info found = {.mask = MP_PIDFD_INFO_EXIT};
  bool told = pidfd >= 0 && ioctl(pidfd, MP_PIDFD_GET_INFO, &found) == 0 && (found.mask & MP_PIDFD_INFO_EXIT) != 0 &&
              WEXITSTATUS(found.exit_code) == code;
  if (pidfd >= 0) close(pidfd);
  return told;
}

static napi_value capabilities(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value found;
  long self = syscall(SYS_pidfd_open, getpid(), 0);
  if (self >= 0) close((int)self);
  bool tells = self >= 0 && tells_exit_codes();
  MP_CHECK(napi_create_object(env, &found));
  mp_set(env, found, "pidfd", mp_from_bool(env, self >= 0));
  mp_set(env, found, "pidfdInfo", mp_from_bool(env, tells));
  return found;
}

const mp_function mp_process_functions[] = {
    {"pidfdOpen", pidfd_open},              /* (pid) -> descriptor that can be read once the process has ended */
    {"pidfdSignal", pidfd_signal},          /* (pidfd, number) -> false when it has ended */
    {"pidfdExitStatus", pidfd_exit_status}, /* (pidfd) -> {code, signal} | null where the kernel does not tell (yet) */
    {"environmentChanged", environment_changed}, /* () -> whether it is another than at the last call; true at the first */
    {"armLifeline", arm_lifeline},          /* (read end): SIGKILL to this process when the write end is closed */
    {"reapOrphan", reap_orphan},            /* (pid) -> {code, signal} | null: not left to this process, or not ended */
    {"capabilities", capabilities},         /* () -> {pidfd, pidfdInfo} */
    {NULL, NULL},
};
