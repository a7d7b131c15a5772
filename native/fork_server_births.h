/* How a process of the fork server comes to be, forked for a request or ahead of it, and how it ends. */
#ifndef NODE_MULTIPROCESSING_FORK_SERVER_BIRTHS_H
#define NODE_MULTIPROCESSING_FORK_SERVER_BIRTHS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "fork_server_members.h"

enum { REQUEST_MAGIC = 0x4d504653, DETACHED = 1, IMPORTS = 2 };
enum { CONTROL, STDIN, STDOUT, STDERR, LIFELINE, MAX_RECEIVED };

typedef struct {
  uint32_t magic, id, flags;
  int32_t cpu; /* that its owner runs on; handed to a spare process: that it was kept off, -1: none */
} request;

/* How many descriptors come with it. */
static inline size_t mp_request_descriptors(const request *r) {
  return (r->flags & DETACHED) != 0 ? LIFELINE : MAX_RECEIVED;
}

/* What a child begins with. */
typedef struct {
  int control, lifeline, client;
  uint32_t flags; /* its request's; of one that was forked ahead the last one's, until its own has come */
  /* of one that was forked ahead, until its request has come; -1 else */
  int job, spare_lifeline;
} birth;

/* In a child: all that is the server's own is given up. Signals are blocked; what they do is as in any process from here
 * on, in a spare one too: one that it ignored until its request comes would be lost to whoever sends it right after. */
void mp_leave_server(server *s);
/* In a child: its request's descriptors become its own; signals are let through. */
void mp_take_over(const int *received, birth *b);
/* The kernel kills this process when the pipe's write end is closed; at once if it is already. */
void mp_arm_lifeline(int read_end);

/* Forks a process that waits for a request. True in that process. Nothing is lost where it cannot be: `done` says whether. */
bool mp_fork_spare(server *s, birth *b, bool *done);
/* The oldest spare process, which there must be, gets the request: its member, no spare one any more; NULL: it cannot. */
member *mp_hand_to_spare(server *s, const request *r, const int *received);
/* It has ended, or is to end, unused. */
void mp_bury_spare(server *s, member *spare);
/* In a spare process: whether its request, or the server's end, comes within that time. */
bool mp_request_within(birth *b, int milliseconds);
/* In a spare process: waits for its request; ends the process when the server has ended. */
void mp_await_request(birth *b);
/* In a child: its owner is about to say the first words. */
void mp_await_words(const birth *b);

/* Ends a child, by _exit(2). Its server, its parent while that lives, has then a keeper of its memory to reap. */
_Noreturn void mp_end_child(pid_t server, int status);
/* A child has ended. In `next_look_ms` it is time to look for its keeper; 0: it has been looked for long enough. */
void mp_expect_keeper(server *s);
void mp_look_for_keepers(server *s);

#endif
