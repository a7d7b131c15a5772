/* The fork server's members: epoll(7), and packets over Unix sockets, unix(7). */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "fork_server_members.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "packets.h"

member *mp_add_member(server *s, member_kind kind, int descriptor) {
  member *m = calloc(1, sizeof(*m));
  if (m == NULL) return NULL;
  m->kind = kind;
  m->descriptor = descriptor;
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = m};
  if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, descriptor, &event) != 0) {
    free(m);
    return NULL;
  }
  m->next = s->members;
  if (s->members != NULL) s->members->previous = m;
  s->members = m;
  return m;
}

void mp_remove_member(server *s, member *m) {
  if (m->starved) s->starved--;
  epoll_ctl(s->epoll, EPOLL_CTL_DEL, m->descriptor, NULL);
  close(m->descriptor);
  while (m->first != NULL) {
    outgoing *next = m->first->next;
    if (m->first->descriptor >= 0) close(m->first->descriptor);
    free(m->first);
    m->first = next;
  }
  if (m->previous != NULL) m->previous->next = m->next;
  else s->members = m->next;
  if (m->next != NULL) m->next->previous = m->previous;
  free(m);
}

typedef enum { SENT, NO_ROOM, STARVED, GONE } sending;

static sending send_packet(int socket, const packet *content, size_t length, int descriptor) {
  struct iovec part = {(void *)content, length};
  if (mp_send(socket, &part, 1, &descriptor, descriptor >= 0 ? 1 : 0, MSG_DONTWAIT) >= 0) return SENT;
  if (errno == ETOOMANYREFS || errno == ENOBUFS || errno == ENOMEM) return STARVED;
  return errno == EAGAIN || errno == EWOULDBLOCK ? NO_ROOM : GONE;
}

/* What keeps the first packet of a client back, if anything does: the socket is watched for room, or time passes. */
static void wait_for(server *s, member *client, sending why) {
  bool starved = why == STARVED;
  struct epoll_event event = {.events = why == NO_ROOM ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = client};
  epoll_ctl(s->epoll, EPOLL_CTL_MOD, client->descriptor, &event);
  if (starved != client->starved) s->starved += starved ? 1 : -1;
  client->starved = starved;
}

/* Takes over the descriptor. A client that has gone is noticed when it is read from. */
void mp_tell(server *s, member *client, const packet *content, size_t length, int descriptor) {
  sending result = NO_ROOM;
  if (client->first == NULL) result = send_packet(client->descriptor, content, length, descriptor);
  if (result == NO_ROOM || result == STARVED) {
    outgoing *waiting = malloc(sizeof(*waiting));
    if (waiting != NULL) {
      *waiting = (outgoing){NULL, *content, length, descriptor};
      if (client->first == NULL) {
        client->first = waiting;
        wait_for(s, client, result);
      } else {
        client->last->next = waiting;
      }
      client->last = waiting;
      return;
    }
  }
  if (descriptor >= 0) close(descriptor);
}

void mp_tell_waiting(server *s, member *client) {
  while (client->first != NULL) {
    outgoing *waiting = client->first;
    sending result = send_packet(client->descriptor, &waiting->content, waiting->length, waiting->descriptor);
    if (result == NO_ROOM || result == STARVED) {
      wait_for(s, client, result);
      return;
    }
    if (waiting->descriptor >= 0) close(waiting->descriptor);
    client->first = waiting->next;
    free(waiting);
  }
  client->last = NULL;
  wait_for(s, client, SENT);
}

void mp_tell_starved(server *s) {
  for (member *m = s->members; m != NULL && s->starved > 0; m = m->next) {
    if (m->starved) mp_tell_waiting(s, m);
  }
}
