/*
 * Memory that several processes see: memfd_create(2), shm_open(3), mmap(2), fallocate(2).
 *
 * Named segments are opened where glibc's and musl's shm_open() have them, not by it: it is in another library before
 * glibc 2.34, and an addon that is built there asks for that version.
 *
 * A mapping is an ArrayBuffer; it is unmapped when that is detached or collected.
 */
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_SIZE = 256 };

static double number(napi_env env, napi_value value) {
  double found = 0;
  MP_CHECK(napi_get_value_double(env, value, &found));
  return found;
}

static void text(napi_env env, napi_value value, char *into) {
  size_t length;
  MP_CHECK(napi_get_value_string_utf8(env, value, into, NAME_SIZE, &length));
}

static napi_value memory_file(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  char name[NAME_SIZE];
  mp_arguments(env, info, 2, arguments);
  text(env, arguments[0], name);
  int descriptor = memfd_create(name, MFD_CLOEXEC);
  if (descriptor < 0) return mp_throw_errno(env, errno, "memfd_create");
  if (ftruncate(descriptor, (off_t)number(env, arguments[1])) != 0) {
    int error = errno;
    close(descriptor);
    return mp_throw_errno(env, error, "ftruncate");
  }
  return mp_from_int(env, descriptor);
}

static void unmap(napi_env env, void *address, void *length) {
  (void)env;
  munmap(address, (size_t)(uintptr_t)length);
}

/*
 * A mapping whose end is told: the buffer may have been given on (ArrayBuffer.prototype.transfer), so that the end of
 * the object says nothing. Only the main thread makes such mappings, and finalizers run there.
 */
typedef struct {
  size_t length;
  int32_t name;
} told_mapping;

static int32_t *ended;
static size_t ended_count, ended_size;

static void unmap_and_tell(napi_env env, void *address, void *data) {
  (void)env;
  told_mapping *mapping = data;
  munmap(address, mapping->length);
  if (ended_count == ended_size) {
    size_t larger = ended_size == 0 ? 64 : ended_size * 2;
    int32_t *grown = realloc(ended, larger * sizeof(*ended));
    if (grown != NULL) {
      ended = grown;
      ended_size = larger;
    }
  }
  /* Without memory the end is never told: what was mapped stays held until the process ends. */
  if (ended_count < ended_size) ended[ended_count++] = mapping->name;
  free(mapping);
}

static napi_value map(napi_env env, napi_callback_info info) {
  napi_value arguments[3], buffer;
  mp_arguments(env, info, 3, arguments);
  int descriptor = mp_int(env, arguments[0]);
  off_t offset = (off_t)number(env, arguments[1]);
  size_t length = (size_t)number(env, arguments[2]);
  void *address = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, descriptor, offset);
  if (address == MAP_FAILED) return mp_throw_errno(env, errno, "mmap");
  napi_status made =
      napi_create_external_arraybuffer(env, address, length, unmap, (void *)(uintptr_t)length, &buffer);
  if (made != napi_ok) {
    munmap(address, length);
    return mp_throw_errno(env, ENOMEM, "napi_create_external_arraybuffer");
  }
  return buffer;
}

static napi_value map_told(napi_env env, napi_callback_info info) {
  napi_value arguments[4], buffer;
  mp_arguments(env, info, 4, arguments);
  off_t offset = (off_t)number(env, arguments[1]);
  size_t length = (size_t)number(env, arguments[2]);
  told_mapping *mapping = malloc(sizeof(*mapping));
  if (mapping == NULL) return mp_throw_errno(env, ENOMEM, "malloc");
  mapping->length = length;
  mapping->name = mp_int(env, arguments[3]);
  void *address =
      mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, mp_int(env, arguments[0]), offset);
  if (address == MAP_FAILED) {
    int error = errno;
    free(mapping);
    return mp_throw_errno(env, error, "mmap");
  }
  if (napi_create_external_arraybuffer(env, address, length, unmap_and_tell, mapping, &buffer) != napi_ok) {
    munmap(address, length);
    free(mapping);
    return mp_throw_errno(env, ENOMEM, "napi_create_external_arraybuffer");
  }
  return buffer;
}

static napi_value ended_mappings(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value list;
  MP_CHECK(napi_create_array_with_length(env, ended_count, &list));
  for (size_t i = 0; i < ended_count; i++) {
    MP_CHECK(napi_set_element(env, list, (uint32_t)i, mp_from_int(env, ended[i])));
  }
  ended_count = 0;
  return list;
}

static napi_value detach(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  mp_arguments(env, info, 1, arguments);
  MP_CHECK(napi_detach_arraybuffer(env, arguments[0]));
  return NULL;
}

/* Gives the pages of a range back; it then reads as zeros. */
static napi_value punch_hole(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  mp_arguments(env, info, 3, arguments);
  int result;
  do {
    result = fallocate(mp_int(env, arguments[0]), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                       (off_t)number(env, arguments[1]), (off_t)number(env, arguments[2]));
  } while (result != 0 && errno == EINTR);
  if (result != 0) return mp_throw_errno(env, errno, "fallocate");
  return NULL;
}

/* Reserves the pages of a range, so that writing to them later cannot fail. */
static napi_value reserve(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  mp_arguments(env, info, 3, arguments);
  int error;
  do {
    error = posix_fallocate(mp_int(env, arguments[0]), (off_t)number(env, arguments[1]), (off_t)number(env, arguments[2]));
  } while (error == EINTR);
  if (error != 0) return mp_throw_errno(env, error, "posix_fallocate");
  return NULL;
}

static bool segment_path(const char *name, char *path) {
  while (*name == '/') name++;
  int length = snprintf(path, NAME_SIZE + sizeof("/dev/shm/"), "/dev/shm/%s", name);
  bool plain = *name != 0 && strchr(name, '/') == NULL && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
  if (plain && length > 0) return true;
  errno = EINVAL;
  return false;
}

/* A new one has no size yet: reserve() gives it one. */
static napi_value open_named(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  char name[NAME_SIZE], path[NAME_SIZE + sizeof("/dev/shm/")];
  mp_arguments(env, info, 2, arguments);
  text(env, arguments[0], name);
  if (!segment_path(name, path)) return mp_throw_errno(env, errno, "shm_open");
  int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (mp_bool(env, arguments[1]) ? O_CREAT | O_EXCL : 0);
  int descriptor = open(path, flags, S_IRUSR | S_IWUSR);
  if (descriptor < 0) return mp_throw_errno(env, errno, "shm_open");
  return mp_from_int(env, descriptor);
}

static napi_value unlink_named(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  char name[NAME_SIZE], path[NAME_SIZE + sizeof("/dev/shm/")];
  mp_arguments(env, info, 1, arguments);
  text(env, arguments[0], name);
  if (!segment_path(name, path) || unlink(path) != 0) return mp_throw_errno(env, errno, "shm_unlink");
  return NULL;
}

const mp_function mp_memory_functions[] = {
    {"memoryFile", memory_file},   /* (name, size) -> descriptor of a sparse anonymous file, closed on exec */
    {"map", map},                  /* (descriptor, offset, length) -> ArrayBuffer over the shared bytes */
    {"mapTold", map_told},         /* (descriptor, offset, length, name) -> ArrayBuffer; its end is told by endedMappings */
    {"endedMappings", ended_mappings}, /* () -> names of the mappings that have ended since */
    {"detach", detach},            /* (ArrayBuffer): its length becomes 0, the mapping ends */
    {"punchHole", punch_hole},     /* (descriptor, offset, length): gives pages back, which then read as zeros */
    {"reserve", reserve},          /* (descriptor, offset, length): ENOSPC now rather than a crash later */
    {"openNamed", open_named},     /* ("/name", create) -> descriptor of a POSIX segment; create: it must be new */
    {"unlinkNamed", unlink_named}, /* ("/name") */
    {NULL, NULL},
};
