/*
 * A process forked ahead, so that the next request finds one that has already put right what fork() leaves wrong.
 *
 * It waits in recvmsg() for its request, and ends with the server: by a lifeline of its own, whose write end travels with
 * the request, so that from the moment of sending the server's end does no harm to what is then a child.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "fork_server_births.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "packets.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

/* A request's descriptors, and the write end of the spare process's lifeline, first. */
enum { MOST_SENT = MAX_RECEIVED + 1 };
/* An owner has its job encoded in that time, most often. Arbitrary. */
enum { AWAKE_US = 400 };
/* What libuv opens anew after a fork, before it closes the old ones. Generous. */
enum { RENEWED = 8 };

static void close_pair(const int *pair) {
  close(pair[0]);
  close(pair[1]);
}

/* Whether a copy of this process has room for a request's descriptors, and for a few that libuv renews. It has at least
 * as much as this one, which has all its members' beside. */
static bool has_room(void) {
  int taken[MOST_SENT + RENEWED];
  int count = 0;
  while (count < MOST_SENT + RENEWED && (taken[count] = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)) >= 0) count++;
  bool enough = count == MOST_SENT + RENEWED;
  while (count > 0) close(taken[--count]);
  return enough;
}

static rlim_t descriptor_limit(pid_t pid) {
  struct rlimit limit;
  return prlimit(pid, RLIMIT_NOFILE, NULL, &limit) == 0 ? limit.rlim_cur : 0;
}

bool mp_fork_spare(server *s, birth *b, bool *done) {
  *done = false;
  if (!has_room()) return false;
  int connection[2], job[2], lifeline[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, connection) != 0) return false;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, job) != 0) {
    close_pair(connection);
    return false;
  }
  if (pipe2(lifeline, O_CLOEXEC) != 0) {
    close_pair(connection);
    close_pair(job);
    return false;
  }
  fcntl(lifeline[0], F_SETSIG, SIGKILL);
  fcntl(lifeline[0], F_SETFL, fcntl(lifeline[0], F_GETFL) | O_ASYNC);
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  pid_t pid = fork();
  if (pid == 0) {
    *b = (birth){.control = -1, .lifeline = -1, .client = connection[1], .flags = s->flags};
    b->job = job[1];
    b->spare_lifeline = lifeline[0];
    close(connection[0]);
    close(job[0]);
    close(lifeline[1]);
    mp_leave_server(s);
    mp_arm_lifeline(lifeline[0]);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    return true;
  }
  sigprocmask(SIG_SETMASK, &before, NULL);
  if (pid > 0) fcntl(lifeline[0], F_SETOWN, pid); /* It does so too; but it may be stopped before. */
  close(connection[1]);
  close(job[1]);
  close(lifeline[0]);
  int pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
  member *spare = pidfd >= 0 ? mp_add_member(s, SPARE, pidfd) : NULL;
  if (spare == NULL) {
    close(connection[0]);
    close(job[0]);
    close(lifeline[1]);
    if (pidfd >= 0) close(pidfd);
    if (pid > 0) {
      kill(pid, SIGKILL);
      waitpid(pid, NULL, 0);
    }
    return false;
  }
  spare->pid = pid;
  spare->connection = connection[0];
  spare->job = job[0];
  spare->far_lifeline = lifeline[1];
  spare->limit = descriptor_limit(0);
  size_t last = 0;
  while (s->spares[last] != NULL) last++;
  s->spares[last] = spare;
  *done = true;
  return false;
}

static void take_out(server *s, const member *spare) {
  size_t at = 0;
  while (s->spares[at] != spare) at++;
  for (; at + 1 < MOST_SPARES; at++) s->spares[at] = s->spares[at + 1];
  s->spares[MOST_SPARES - 1] = NULL;
}

/* A process that is woken now does not run on that processor, where its owner goes on; the scheduler, left alone, often puts
 * all three on one while others are idle. False where it cannot be helped; else the process allows it itself again. */
static bool keep_off(pid_t pid, int cpu) {
  cpu_set_t allowed;
  if (cpu < 0 || cpu >= CPU_SETSIZE || sched_getaffinity(pid, sizeof(allowed), &allowed) != 0) return false;
  if (!CPU_ISSET(cpu, &allowed)) return false;
  CPU_CLR(cpu, &allowed);
  return CPU_COUNT(&allowed) > 0 && sched_setaffinity(pid, sizeof(allowed), &allowed) == 0;
}

static void allow_again(int cpu) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
  CPU_SET(cpu, &allowed);
  sched_setaffinity(0, sizeof(allowed), &allowed);
}

member *mp_hand_to_spare(server *s, const request *r, const int *received) {
  member *spare = s->spares[0];
  if (descriptor_limit(spare->pid) < spare->limit) {
    mp_bury_spare(s, spare); /* It has perhaps no room for the descriptors any more. */
    return NULL;
  }
  int descriptors[MOST_SENT];
  size_t count = 1 + mp_request_descriptors(r);
  descriptors[0] = spare->far_lifeline;
  memcpy(descriptors + 1, received, (count - 1) * sizeof(int));
  request handed = *r;
  if (!keep_off(spare->pid, r->cpu)) handed.cpu = -1;
  struct iovec part = {&handed, sizeof(handed)};
  if (mp_send(spare->job, &part, 1, descriptors, count, MSG_DONTWAIT) < 0) {
    mp_bury_spare(s, spare);
    return NULL;
  }
  close(spare->job);
  close(spare->far_lifeline);
  spare->kind = CHILD;
  take_out(s, spare);
  return spare;
}

void mp_bury_spare(server *s, member *spare) {
  take_out(s, spare);
  kill(spare->pid, SIGKILL); /* Ours until it is waited for. */
  waitpid(spare->pid, NULL, 0);
  close(spare->connection);
  close(spare->job);
  close(spare->far_lifeline);
  mp_remove_member(s, spare);
}

bool mp_request_within(birth *b, int milliseconds) {
  struct pollfd job = {.fd = b->job, .events = POLLIN};
  return poll(&job, 1, milliseconds) != 0;
}

void mp_await_request(birth *b) {
  request r = {0};
  mp_received got;
  ssize_t length = mp_receive(b->job, &r, sizeof(r), &got, 0);
  if (length != (ssize_t)sizeof(r) || got.count != 1 + mp_request_descriptors(&r)) {
    _exit(0); /* The server has ended; or its limit was lowered at this very moment, and its owner sees it end. */
  }
  if (r.cpu >= 0) allow_again(r.cpu);
  const int *received = got.descriptors;
  b->flags = r.flags;
  b->control = received[1 + CONTROL];
  b->lifeline = (r.flags & DETACHED) != 0 ? -1 : received[1 + LIFELINE];
  close(b->job);
  close(b->spare_lifeline); /* The read end first: with the other one it would be deadly. */
  close(received[0]);
  b->job = b->spare_lifeline = -1;
  mp_take_over(received + 1, b);
}

/* Asleep it would be woken on its owner's processor, where it waits until that sleeps. */
void mp_await_words(const birth *b) {
  struct timespec begun, now;
  struct pollfd control = {.fd = b->control, .events = POLLIN};
  clock_gettime(CLOCK_MONOTONIC, &begun);
  do {
    if (poll(&control, 1, 0) != 0) return;
    sched_yield();
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while ((now.tv_sec - begun.tv_sec) * 1000000000 + now.tv_nsec - begun.tv_nsec < AWAKE_US * 1000);
}
