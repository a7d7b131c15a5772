/* Messages over Unix sockets, with descriptors in them. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "packets.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

typedef union {
  struct cmsghdr align;
  char space[CMSG_SPACE(sizeof(int) * MP_MOST_DESCRIPTORS)];
} control_space;

ssize_t mp_send(int socket, struct iovec *parts, size_t part_count, const int *descriptors, size_t count, int flags) {
  control_space control;
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = part_count};
  if (count > 0) {
    memset(&control, 0, sizeof(control));
    message.msg_control = control.space;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(head), descriptors, sizeof(int) * count);
  }
  ssize_t sent;
  do {
    sent = sendmsg(socket, &message, flags | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent;
}

ssize_t mp_receive(int socket, void *bytes, size_t size, mp_received *into, int flags) {
  struct iovec part = {bytes, size};
  control_space control;
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof(control.space)};
  ssize_t length;
  do {
    length = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
  } while (length < 0 && errno == EINTR);
  into->count = 0;
  into->flags = length < 0 ? 0 : message.msg_flags;
  if (length < 0) return length;
  for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head != NULL; head = CMSG_NXTHDR(&message, head)) {
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
    into->count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(into->descriptors, CMSG_DATA(head), into->count * sizeof(int));
  }
  return length;
}
