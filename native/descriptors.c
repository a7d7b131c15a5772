/* Socket pairs, pipes, and descriptors that travel in messages: socketpair(2), pipe(2), unix(7), fcntl(2). */
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "packets.h"

enum { MAX_PARTS = 16 };

static napi_value socket_pair(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  char type[16];
  size_t length;
  int ends[2];
  mp_arguments(env, info, 1, arguments);
  MP_CHECK(napi_get_value_string_utf8(env, arguments[0], type, sizeof(type), &length));
  int kind = strcmp(type, "seqpacket") == 0 ? SOCK_SEQPACKET : SOCK_STREAM;
  if (socketpair(AF_UNIX, kind | SOCK_CLOEXEC, 0, ends) != 0) return mp_throw_errno(env, errno, "socketpair");
  return mp_pair(env, ends[0], ends[1]);
}

static napi_value make_pipe(napi_env env, napi_callback_info info) {
  (void)info;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return mp_throw_errno(env, errno, "pipe2");
  return mp_pair(env, ends[0], ends[1]);
}

static napi_value duplicate(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  mp_arguments(env, info, 1, arguments);
  int made = fcntl(mp_int(env, arguments[0]), F_DUPFD_CLOEXEC, 3);
  return made < 0 ? mp_throw_errno(env, errno, "fcntl") : mp_from_int(env, made);
}

static napi_value send_descriptors(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  void *bytes;
  size_t length;
  uint32_t count;
  int descriptors[MP_MOST_DESCRIPTORS];
  mp_arguments(env, info, 3, arguments);
  int target = mp_int(env, arguments[0]);
  MP_CHECK(napi_get_typedarray_info(env, arguments[1], NULL, &length, &bytes, NULL, NULL));
  MP_CHECK(napi_get_array_length(env, arguments[2], &count));
  if (count > MP_MOST_DESCRIPTORS) return mp_throw_errno(env, EINVAL, "sendmsg");
  for (uint32_t i = 0; i < count; i++) {
    napi_value item;
    MP_CHECK(napi_get_element(env, arguments[2], i, &item));
    descriptors[i] = mp_int(env, item);
  }
  struct iovec part = {bytes, length};
  if (mp_send(target, &part, 1, descriptors, count, 0) < 0) return mp_throw_errno(env, errno, "sendmsg");
  return NULL;
}

static napi_value send_now(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  struct iovec parts[MAX_PARTS];
  uint32_t count;
  mp_arguments(env, info, 2, arguments);
  int target = mp_int(env, arguments[0]);
  MP_CHECK(napi_get_array_length(env, arguments[1], &count));
  if (count > MAX_PARTS) return mp_throw_errno(env, EINVAL, "sendmsg");
  for (uint32_t i = 0; i < count; i++) {
    napi_value item;
    MP_CHECK(napi_get_element(env, arguments[1], i, &item));
    MP_CHECK(napi_get_typedarray_info(env, item, NULL, &parts[i].iov_len, &parts[i].iov_base, NULL, NULL));
  }
  ssize_t sent = mp_send(target, parts, count, NULL, 0, MSG_DONTWAIT);
  if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return mp_throw_errno(env, errno, "sendmsg");
  return mp_from_int(env, sent < 0 ? 0 : sent);
}

static napi_value receive_now(napi_env env, napi_callback_info info) {
  napi_value arguments[2], nothing;
  void *bytes;
  size_t length;
  mp_arguments(env, info, 2, arguments);
  MP_CHECK(napi_get_typedarray_info(env, arguments[1], NULL, &length, &bytes, NULL, NULL));
  ssize_t got;
  do {
    got = recv(mp_int(env, arguments[0]), bytes, length, MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got >= 0) return mp_from_int(env, got);
  if (errno != EAGAIN && errno != EWOULDBLOCK) return mp_throw_errno(env, errno, "recv");
  MP_CHECK(napi_get_undefined(env, &nothing));
  return nothing;
}

static napi_value told(napi_env env, const char *bytes, size_t length, const mp_received *received) {
  napi_value result, buffer, list;
  MP_CHECK(napi_create_object(env, &result));
  MP_CHECK(napi_create_buffer_copy(env, length, bytes, NULL, &buffer));
  MP_CHECK(napi_create_array_with_length(env, received->count, &list));
  for (size_t i = 0; i < received->count; i++) {
    MP_CHECK(napi_set_element(env, list, (uint32_t)i, mp_from_int(env, received->descriptors[i])));
  }
  mp_set(env, result, "bytes", buffer);
  mp_set(env, result, "descriptors", list);
  return result;
}

/* One packet; with fewer descriptors than were sent where this process has no room for more (MSG_CTRUNC). null: the other end is closed. undefined: nothing is there yet (non-blocking descriptors only). */
static napi_value receive_descriptors(napi_env env, napi_callback_info info) {
  napi_value arguments[1], nothing;
  mp_arguments(env, info, 1, arguments);
  int source = mp_int(env, arguments[0]);
  ssize_t length;
  do {
    length = recv(source, NULL, 0, MSG_PEEK | MSG_TRUNC);
  } while (length < 0 && errno == EINTR);
  if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    MP_CHECK(napi_get_undefined(env, &nothing));
    return nothing;
  }
  if (length < 0) return mp_throw_errno(env, errno, "recv");
  char *bytes = malloc((size_t)length + 1);
  if (bytes == NULL) return mp_throw_errno(env, ENOMEM, "malloc");
  mp_received received;
  ssize_t got = mp_receive(source, bytes, (size_t)length + 1, &received, 0);
  int error = got < 0 ? errno : (received.flags & MSG_TRUNC) != 0 ? EMSGSIZE : 0;
  napi_value result;
  if (error != 0) {
    for (size_t i = 0; i < received.count; i++) close(received.descriptors[i]);
    result = mp_throw_errno(env, error, "recvmsg");
  } else if (got == 0) {
    MP_CHECK(napi_get_null(env, &result));
  } else {
    result = told(env, bytes, (size_t)got, &received);
  }
  free(bytes);
  return result;
}

static napi_value packet_length(napi_env env, napi_callback_info info) {
  napi_value arguments[1], nothing;
  mp_arguments(env, info, 1, arguments);
  ssize_t length;
  do {
    length = recv(mp_int(env, arguments[0]), NULL, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
  } while (length < 0 && errno == EINTR);
  if (length >= 0) return mp_from_int(env, length);
  if (errno != EAGAIN && errno != EWOULDBLOCK) return mp_throw_errno(env, errno, "recv");
  MP_CHECK(napi_get_undefined(env, &nothing));
  return nothing;
}

static napi_value change_flags(napi_env env, napi_callback_info info, int get, int set, int flag) {
  napi_value arguments[2];
  mp_arguments(env, info, 2, arguments);
  int descriptor = mp_int(env, arguments[0]);
  int flags = fcntl(descriptor, get);
  if (flags < 0) return mp_throw_errno(env, errno, "fcntl");
  int wanted = mp_bool(env, arguments[1]) ? flags | flag : flags & ~flag;
  if (fcntl(descriptor, set, wanted) != 0) return mp_throw_errno(env, errno, "fcntl");
  return NULL;
}

static napi_value set_non_blocking(napi_env env, napi_callback_info info) {
  return change_flags(env, info, F_GETFL, F_SETFL, O_NONBLOCK);
}

static napi_value set_close_on_exec(napi_env env, napi_callback_info info) {
  return change_flags(env, info, F_GETFD, F_SETFD, FD_CLOEXEC);
}

const mp_function mp_descriptor_functions[] = {
    {"socketPair", socket_pair},                 /* ("stream" | "seqpacket") -> [one end, the other], closed on exec */
    {"pipe", make_pipe},                         /* () -> [read end, write end], closed on exec */
    {"duplicate", duplicate},                    /* (descriptor) -> another one, closed on exec */
    {"sendDescriptors", send_descriptors},       /* (socket, bytes, descriptors): one message */
    {"sendNow", send_now},                       /* (socket, parts) -> how many bytes there was room for */
    {"receiveNow", receive_now},                 /* (socket, bytes) -> how many came; 0 at the end; undefined: none yet */
    {"receiveDescriptors", receive_descriptors}, /* (socket) -> {bytes, descriptors} | null at the end | undefined */
    {"packetLength", packet_length},             /* (socket) -> of the next packet; 0 at the end; undefined: none yet */
    {"setNonBlocking", set_non_blocking},        /* (descriptor, on) */
    {"setCloseOnExec", set_close_on_exec},       /* (descriptor, on) */
    {NULL, NULL},
};
