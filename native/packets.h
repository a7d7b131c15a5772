/* Messages over Unix sockets, with descriptors in them: unix(7), sendmsg(2), recvmsg(2). */
#ifndef NODE_MULTIPROCESSING_PACKETS_H
#define NODE_MULTIPROCESSING_PACKETS_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

/* As many descriptors as one message has at most. */
enum { MP_MOST_DESCRIPTORS = 16 };

/* How many bytes were sent; -1: see errno. It is repeated where a signal interrupts it, and never raises SIGPIPE. */
ssize_t mp_send(int socket, struct iovec *parts, size_t part_count, const int *descriptors, size_t count, int flags);

/* What has come; the descriptors are closed on exec. */
typedef struct {
  int descriptors[MP_MOST_DESCRIPTORS];
  size_t count;
  int flags; /* MSG_TRUNC: there were more bytes. MSG_CTRUNC: more descriptors than this process has room for */
} mp_received;

/* How many bytes have come; 0: the other end is closed; -1: see errno. It is repeated where a signal interrupts it. */
ssize_t mp_receive(int socket, void *bytes, size_t size, mp_received *into, int flags);

#endif
