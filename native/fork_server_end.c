/*
 * The end of a forked child, that of its memory apart.
 *
 * A process is dead for whoever waits for it once the kernel has taken its memory to pieces: 1 to 1.7 ms of the 5 from
 * start to join, since a child maps what the server does. So a process without descriptors takes over the memory, by
 * sharing it, and ends when the child has: that one closes its descriptors, ends, and is reaped, as ever. The server
 * is the parent of both.
 *
 * Source: exit_mm() and exit_notify() of Linux; clone(2), pidfd_open(2), close_range(2).
 */
#include "addon.h"

#include <fcntl.h>
#include <linux/stat.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fork_server_births.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

/* It ends within a millisecond, unless it is stopped just now; and so does its keeper after it. Arbitrary. */
enum { LONGEST_END_MS = 1000, FIRST_LOOK_MS = 4 };

/* Those who have waited for the child run first: measured, they were kept waiting by it on the same processor, since the
 * kernel takes memory to pieces without a pause. */
enum { NAP_US = 1000 };

static char keeper_stack[4096] __attribute__((aligned(64)));

/* It shares all memory with a process that is about to end, what errno is included: system calls, and nothing else. */
__attribute__((no_sanitize("address"))) static int keep_memory(void *pidfd) {
  struct pollfd end = {.fd = *(int *)pidfd, .events = POLLIN};
  struct timespec longest = {.tv_sec = LONGEST_END_MS / 1000};
  syscall(SYS_ppoll, &end, 1, &longest, NULL, 0);
  struct timespec nap = {.tv_nsec = NAP_US * 1000};
  syscall(SYS_ppoll, NULL, 0, &nap, NULL, 0);
  return 0;
}

/* Another thread may be opening files, and would get the numbers of those that are closed here. */
static bool has_threads(void) {
  struct statx tasks; /* Not stat(), whose name the oldest glibc that the addon is for has not. */
  return syscall(SYS_statx, AT_FDCWD, "/proc/self/task", 0, STATX_NLINK, &tasks) != 0 || tasks.stx_nlink != 3;
}

/* Where anything stands in the way, the process simply ends, and its memory with it. */
static void leave_memory(void) {
  static int pidfd;
  if (has_threads()) return;
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
  if (pidfd < 0) return;
  /* It would keep them open. */
  if (pidfd > 0 && syscall(SYS_close_range, 0u, (unsigned)pidfd - 1, 0) != 0) return;
  if (syscall(SYS_close_range, (unsigned)pidfd + 1, ~0u, 0) != 0) return;
  clone(keep_memory, keeper_stack + sizeof(keeper_stack), CLONE_VM | CLONE_PARENT, &pidfd);
}

void mp_end_child(pid_t server, int status) {
  /* Whoever it is left to when the server has died may never reap a process that it does not know. */
  if (getppid() == server) leave_memory();
  _exit(status);
}

static bool is_member(const server *s, pid_t pid) {
  for (const member *m = s->members; m != NULL; m = m->next) {
    if (m->kind != CLIENT && m->pid == pid) return true;
  }
  return false;
}

static void reap_keepers(const server *s) {
  for (;;) {
    siginfo_t ended = {.si_pid = 0};
    if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0) break;
    if (is_member(s, ended.si_pid)) break; /* Its end is told first; and then there is another look. */
    waitpid(ended.si_pid, NULL, WNOHANG);
  }
}

void mp_expect_keeper(server *s) {
  reap_keepers(s);
  s->next_look_ms = FIRST_LOOK_MS;
}

void mp_look_for_keepers(server *s) {
  if (s->next_look_ms == 0) return;
  reap_keepers(s);
  s->next_look_ms = s->next_look_ms > LONGEST_END_MS ? 0 : 2 * s->next_look_ms;
}
