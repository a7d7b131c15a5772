/*
 * The fork server's loop: fork(2) on request, the ends of its children reported, all in C, so that nothing of
 * JavaScript runs or changes between two forks. In each child it returns to JavaScript; in the server, too, until that
 * has done all that its children are to find done.
 *
 *   client --request--> server --fork--> child          packets: src/process/fork-server-protocol.ts
 *   client <--started-- server <--pidfd-- kernel
 *   client <--exited--- server
 *
 * Source: nodejs/node#48523. V8's memory is marked MADV_DONTFORK; fork handlers (pthread_atfork) must run, so it is
 * fork() and not clone(CLONE_PARENT).
 */
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "family_names.h"
#include "fork_server_births.h"
#include "heap_mappings.h"
#include "heap_places.h"
#include "packets.h"
#include "uv_declarations.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

/* A client has gone: the server ends with the root, whose children run on; of another, only the reports are dropped. */
static void lose_client(server *s, member *client) {
  if (client->root) {
    mp_clear_family_names();
    _exit(0);
  }
  for (member *m = s->members; m != NULL; m = m->next) {
    if (m->kind == CHILD && m->client == client) m->client = NULL;
  }
  mp_remove_member(s, client);
}

/* The places that were taken for V8's heap (preload/heap_places.c) are given back once the server's is complete, and in each
 * child: what it maps lies anywhere again, and it looks as large as it is. */
static void give_places_back(server *s) {
  if (s->has_places) munmap((void *)FIRST_HEAP_PLACE, LAST_HEAP_PLACE - FIRST_HEAP_PLACE);
  s->has_places = false;
}

void mp_leave_server(server *s) {
  for (member *m = s->members; m != NULL; m = m->next) {
    close(m->descriptor);
    for (outgoing *waiting = m->first; waiting != NULL; waiting = waiting->next) {
      if (waiting->descriptor >= 0) close(waiting->descriptor);
    }
  }
  for (size_t i = 0; i < MOST_SPARES && s->spares[i] != NULL; i++) {
    close(s->spares[i]->connection);
    close(s->spares[i]->job);
    close(s->spares[i]->far_lifeline);
  }
  close(s->epoll);
  if (s->lifeline >= 0) close(s->lifeline);
  sigaction(SIGINT, &s->interrupt, NULL);
  sigaction(SIGHUP, &s->hangup, NULL);
  sigaction(SIGTERM, &s->terminate, NULL);
  sigaction(SIGCHLD, &s->child_signal, NULL);
}

void mp_arm_lifeline(int read_end) {
  int flags = fcntl(read_end, F_GETFL);
  fcntl(read_end, F_SETOWN, getpid());
  fcntl(read_end, F_SETSIG, SIGKILL);
  fcntl(read_end, F_SETFL, flags | O_ASYNC);
  struct pollfd end = {.fd = read_end, .events = POLLIN};
  if (poll(&end, 1, 0) > 0) kill(getpid(), SIGKILL);
}

void mp_take_over(const int *received, birth *b) {
  for (int i = STDIN; i <= STDERR; i++) {
    dup2(received[i], i - STDIN);
    close(received[i]);
  }
  if ((b->flags & DETACHED) != 0) setsid();
  else mp_arm_lifeline(b->lifeline);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In a child: until the server says that it watches it. Its job lies ready already, so it would run at once. */
static void await_watching(int connection) {
  char said;
  ssize_t length;
  do {
    length = recv(connection, &said, 1, 0);
  } while (length < 0 && errno == EINTR);
  if (length <= 0) _exit(0); /* The server has ended: whoever asked for this process asks another one. */
}

/* Gives the request to a spare process. False where there is none, or it cannot take it. */
static bool hand_over(server *s, member *client, const request *r, const int *received) {
  if (s->spares[0] == NULL) return false;
  /* Before it is handed over: what has been told its job runs, and must be watched by its client. */
  int for_client = fcntl(s->spares[0]->descriptor, F_DUPFD_CLOEXEC, 3);
  member *child = for_client < 0 ? NULL : mp_hand_to_spare(s, r, received);
  if (child == NULL) {
    if (for_client >= 0) close(for_client);
    return false;
  }
  child->id = r->id;
  child->client = client;
  /* Without it the child starts a server of its own, if ever. */
  if (mp_add_member(s, CLIENT, child->connection) == NULL) close(child->connection);
  packet answer = {.kind = STARTED, .id = r->id, .pid = child->pid};
  mp_tell(s, client, &answer, offsetof(packet, signal), for_client);
  return true;
}

/* Forks for one request. True in the child. */
static bool fork_for(server *s, member *client, const request *r, const int *received, birth *b) {
  if (hand_over(s, client, r, received)) return false;
  packet answer = {.kind = STARTED, .id = r->id};
  size_t answer_length = offsetof(packet, signal);
  int connection[2];
  int error = 0, pidfd = -1, for_client = -1;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, connection) != 0) {
    answer.code = errno;
    mp_tell(s, client, &answer, answer_length, -1);
    return false;
  }
  b->control = received[CONTROL];
  b->lifeline = (r->flags & DETACHED) != 0 ? -1 : received[LIFELINE];
  b->client = connection[1];
  b->flags = r->flags;
  b->job = b->spare_lifeline = -1;
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  pid_t pid = fork();
  if (pid == 0) {
    close(connection[0]);
    mp_leave_server(s);
    await_watching(connection[1]);
    mp_take_over(received, b);
    return true;
  }
  error = pid < 0 ? errno : 0;
  sigprocmask(SIG_SETMASK, &before, NULL);
  close(connection[1]);
  if (pid > 0) {
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd >= 0) for_client = fcntl(pidfd, F_DUPFD_CLOEXEC, 3);
    if (for_client < 0) error = errno;
  }
  member *child = for_client >= 0 ? mp_add_member(s, CHILD, pidfd) : NULL;
  if (pid > 0 && child == NULL) {
    /* A process that cannot be watched must not be: its end would never be told. It has run nothing yet. */
    if (error == 0) error = ENOMEM;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    if (pidfd >= 0) close(pidfd);
    if (for_client >= 0) close(for_client);
    for_client = -1;
  }
  if (error != 0) {
    close(connection[0]);
  } else {
    child->pid = pid;
    child->id = r->id;
    child->client = client;
    send(connection[0], "", 1, MSG_NOSIGNAL | MSG_DONTWAIT); /* The socket is empty: there is room. */
    if (mp_add_member(s, CLIENT, connection[0]) == NULL) close(connection[0]); /* It starts a server of its own, if ever. */
  }
  answer.pid = pid;
  answer.code = error;
  mp_tell(s, client, &answer, answer_length, for_client);
  return false;
}

/* Reads one request. True in a child. */
static bool serve_client(server *s, member *client, birth *b) {
  request r = {0};
  mp_received received;
  ssize_t length = mp_receive(client->descriptor, &r, sizeof(r), &received, MSG_DONTWAIT);
  if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
  bool is_request = length == (ssize_t)sizeof(r) && r.magic == REQUEST_MAGIC;
  int cut = received.flags & (MSG_TRUNC | MSG_CTRUNC);
  bool well_formed = is_request && cut == 0 && received.count == mp_request_descriptors(&r);
  /* The kernel cuts the list of descriptors short when there is no room for them here: a refusal, not rubbish. */
  bool cut_short = is_request && cut == MSG_CTRUNC && received.count < MAX_RECEIVED;
  bool in_child = false;
  if (well_formed) {
    s->met++;
    s->flags = r.flags;
    in_child = fork_for(s, client, &r, received.descriptors, b);
  } else if (cut_short) {
    packet answer = {.kind = STARTED, .id = r.id, .code = EMFILE};
    mp_tell(s, client, &answer, offsetof(packet, signal), -1);
  } else {
    lose_client(s, client); /* It has gone, or says what nobody of ours says. */
  }
  if (!in_child) {
    for (size_t i = 0; i < received.count; i++) close(received.descriptors[i]);
  }
  return in_child;
}

static void bury(server *s, member *child) {
  int status;
  pid_t found = waitpid(child->pid, &status, WNOHANG);
  if (found == 0) return;
  packet report = {.kind = EXITED, .id = child->id, .pid = child->pid};
  if (found > 0 && WIFSIGNALED(status)) report.signal = WTERMSIG(status);
  else report.code = found > 0 ? WEXITSTATUS(status) : NOT_KNOWN; /* Somebody else has reaped it. */
  if (child->client != NULL) mp_tell(s, child->client, &report, sizeof(report), -1);
  mp_remove_member(s, child);
  mp_expect_keeper(s);
}

/* An errno when it cannot begin. */
static int begin_serving(server *s, int connection, int lifeline) {
  *s = (server){.epoll = epoll_create1(EPOLL_CLOEXEC), .lifeline = lifeline};
  if (s->epoll < 0) return errno;
  member *root = mp_add_member(s, CLIENT, connection);
  if (root == NULL) return errno;
  root->root = true;
  struct sigaction ignore = {.sa_handler = SIG_IGN}, usual = {.sa_handler = SIG_DFL};
  /* What ends a program by its whole group (Ctrl-C, a closed terminal, a service manager) is for the program: the server
   * ends with its root, and has to clear up then. */
  sigaction(SIGINT, &ignore, &s->interrupt);
  sigaction(SIGHUP, &ignore, &s->hangup);
  sigaction(SIGTERM, &ignore, &s->terminate);
  sigaction(SIGCHLD, &usual, &s->child_signal); /* Ignored, the kernel would reap the children and forget how they ended. */
  /* From here on the loop sees the root's end itself, and has names to clear then: it is only to be continued for that
   * if it is stopped, not killed. */
  if (lifeline >= 0) fcntl(lifeline, F_SETSIG, SIGCONT);
  return 0;
}

/* A child that ends at once has ended by then. Arbitrary. */
enum { QUIET_MS = 4 };

/* In milliseconds; -1: whatever happens is told. */
static int time_to_look(const server *s) {
  if (s->starved > 0) return RETRY_MS;
  return s->next_look_ms > 0 ? s->next_look_ms : -1;
}

/*
 * Meets requests: for ever, or, where it is to come back, until none has come for `patience` ms or `most` are met. Returns
 * with 0 in each child, with `in_child` set; else in the server, with an errno when it cannot go on.
 */
static int serve_on(server *s, int patience, int most, birth *b, bool *in_child) {
  bool for_ever = patience < 0;
  int error = mp_make_heap_copyable(&s->has_places);
  if (error != 0) return error;
  if (for_ever) give_places_back(s);
  bool wanted = for_ever; /* spare processes: until one cannot be had; tried again after each request */
  while (for_ever || s->met < most) {
    struct epoll_event event;
    wanted = wanted && s->spares[MOST_SPARES - 1] == NULL;
    bool at_once = wanted && s->spares[0] == NULL;
    /* What has just been woken runs first, here or on another processor: to fork takes as long as a child lives. */
    if (at_once) sched_yield();
    /* One at a time: what it leads to may remove others from the list. */
    int count = epoll_wait(s->epoll, &event, 1, at_once ? 0 : wanted ? QUIET_MS : for_ever ? time_to_look(s) : patience);
    if (count < 0 && errno != EINTR) return errno;
    if (count == 0 && wanted) {
      *in_child = mp_fork_spare(s, b, &wanted);
      if (*in_child) return 0;
    }
    if (count == 0) mp_look_for_keepers(s);
    if (s->starved > 0) mp_tell_starved(s);
    if (count == 0 && !for_ever) break;
    if (count <= 0) continue;
    member *m = event.data.ptr;
    if (m->kind != CLIENT) {
      if (m->kind == SPARE) mp_bury_spare(s, m);
      else bury(s, m);
      continue;
    }
    wanted = for_ever;
    if ((event.events & EPOLLOUT) != 0) mp_tell_waiting(s, m);
    if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
      *in_child = serve_client(s, m, b);
      if (*in_child) return 0;
    }
    /* Who has been served is not waited for as long as the first one; but its next request may be on its way. */
    if (s->met > 0) patience = 1;
  }
  s->met = 0;
  return 0;
}

/* A process serves once, with pauses, and is born once. */
static server serving = {.epoll = -1};
static birth born;
static pid_t server_pid;

static napi_value tell_birth(napi_env env) {
  napi_value result;
  MP_CHECK(napi_create_object(env, &result));
  mp_set(env, result, "control", mp_from_int(env, born.control));
  mp_set(env, result, "lifeline", mp_from_int(env, born.lifeline));
  mp_set(env, result, "client", mp_from_int(env, born.client));
  mp_set(env, result, "flags", mp_from_int(env, born.flags));
  return result;
}

static napi_value serve(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  uv_loop_t *loop;
  bool in_child = false;
  mp_arguments(env, info, 4, arguments);
  if (serving.epoll < 0) server_pid = getpid();
  int error = serving.epoll >= 0 ? 0 : begin_serving(&serving, mp_int(env, arguments[0]), mp_int(env, arguments[1]));
  if (error == 0) error = serve_on(&serving, mp_int(env, arguments[2]), mp_int(env, arguments[3]), &born, &in_child);
  if (error != 0) return mp_throw_errno(env, error, "serve");
  if (in_child) {
    give_places_back(&serving);
    MP_CHECK(napi_get_uv_event_loop(env, &loop));
    error = uv_loop_fork(loop);
    if (error != 0) return mp_throw_errno(env, -error, "uv_loop_fork");
  }
  return mp_from_bool(env, in_child);
}

static napi_value await_request(napi_env env, napi_callback_info info) {
  (void)info;
  if (born.job >= 0) mp_await_request(&born);
  return tell_birth(env);
}

static napi_value await_words(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  mp_await_words(&born);
  return NULL;
}

static napi_value imports(napi_env env, napi_callback_info info) {
  (void)info;
  return mp_from_bool(env, (born.flags & IMPORTS) != 0);
}

static napi_value request_within(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  mp_arguments(env, info, 1, arguments);
  return mp_from_bool(env, born.job < 0 || mp_request_within(&born, mp_int(env, arguments[0])));
}

static napi_value exit_now(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  mp_arguments(env, info, 1, arguments);
  mp_end_child(server_pid, mp_int(env, arguments[0]));
}

const mp_function mp_fork_server_functions[] = {
    {"serve", serve}, /* (connection, lifeline | -1, patience in ms | -1, most) -> whether this is a child */
    {"awaitWords", await_words}, /* (): awake, for a while, until the owner has said something */
    {"imports", imports}, /* () -> whether the last request's job needed modules; in a child */
    {"requestWithin", request_within}, /* (milliseconds) -> whether awaitRequest will not block */
    {"awaitRequest", await_request}, /* () -> {control, lifeline, client, flags}, of a child */
    {"exitNow", exit_now}, /* (code), of a child: ends it by _exit */
    {NULL, NULL},
};
