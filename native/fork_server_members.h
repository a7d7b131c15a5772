/*
 * What the fork server watches, and what it has to tell its clients. Packets: src/process/fork-server-protocol.ts
 */
#ifndef NODE_MULTIPROCESSING_FORK_SERVER_MEMBERS_H
#define NODE_MULTIPROCESSING_FORK_SERVER_MEMBERS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

enum { STARTED = 1, EXITED = 2, NOT_KNOWN = -1 };
/* Too many descriptors in flight (a limit on the user, unix(7)), or no kernel memory: nothing tells when that is over. */
enum { RETRY_MS = 10 };

typedef struct {
  uint32_t kind, id;
  int32_t pid, code, signal; /* a started packet has errno in `code`, and ends there; NOT_KNOWN in an exited one */
} packet;

/* A packet that its reader has no room for yet. */
typedef struct outgoing {
  struct outgoing *next;
  packet content;
  size_t length;
  int descriptor; /* -1: none */
} outgoing;

typedef enum { CLIENT, CHILD, SPARE } member_kind;

/* What the loop watches: a client's connection, or the pidfd of a child or of a spare process. */
typedef struct member {
  member_kind kind;
  int descriptor;
  struct member *next, *previous;
  /* of a client */
  bool root, starved; /* starved: what waits is tried again after a time, not when the socket has room */
  outgoing *first, *last;
  /* of a child */
  pid_t pid;
  uint32_t id;
  struct member *client; /* NULL once that has gone */
  /* of a spare process: the server's ends of its connection, of where its request will come, of its lifeline */
  int connection, job, far_lifeline;
  rlim_t limit; /* how many descriptors it might have, as it began */
} member;

/* One to be handed over at once, another for the next request, so that none need be forked while a child runs. */
enum { MOST_SPARES = 2 };

typedef struct {
  int epoll;
  member *members;
  int starved; /* clients that are */
  uint32_t flags; /* of the last request */
  int met; /* requests since it came back to JavaScript */
  int next_look_ms; /* for keepers of children's memory, which nothing tells of: fork_server_end.c */
  bool has_places; /* what preload/heap_places.c took */
  int lifeline; /* the server's own; -1: none */
  member *spares[MOST_SPARES]; /* the oldest first; NULL behind the last */
  struct sigaction interrupt, hangup, terminate, child_signal; /* as they were, for the children */
} server;

/* NULL: no memory, or no room in the kernel's table. The descriptor is the member's from then on. */
member *mp_add_member(server *s, member_kind kind, int descriptor);
void mp_remove_member(server *s, member *m);

/* Sends a packet, or keeps it until its reader has room. Takes over the descriptor; -1: none. */
void mp_tell(server *s, member *client, const packet *content, size_t length, int descriptor);
/* Tries again: a client whose socket has room; all those for whom the kernel had no room. */
void mp_tell_waiting(server *s, member *client);
void mp_tell_starved(server *s);

#endif
