/* This process's private memory, mapping by mapping. */
#include "addon.h"
#include "heap_mappings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "heap_places.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/* Between two looks at the clock: some large pages, which are of 2 MiB on most machines. */
#define PIECE (8ul << 20)

typedef void (*visitor)(unsigned long start, unsigned long end, const char *permissions, void *data);

/* Calls back for each private anonymous one. Returns an errno. */
static int each_mapping(visitor visit, void *data) {
  FILE *maps = fopen("/proc/self/maps", "re");
  if (maps == NULL) return errno;
  char line[512];
  while (fgets(line, sizeof(line), maps) != NULL) {
    unsigned long start, end, inode;
    char permissions[5], path[64] = "";
    int fields = sscanf(line, "%lx-%lx %4s %*x %*x:%*x %lu %63s", &start, &end, permissions, &inode, path);
    if (fields < 4 || permissions[3] != 'p' || inode != 0) continue;
    if (path[0] == '\0' || strncmp(path, "[anon", 5) == 0) visit(start, end, permissions, data);
  }
  fclose(maps);
  return 0;
}

static void make_copyable(unsigned long start, unsigned long end, const char *permissions, void *has_places) {
  if (start == FIRST_HEAP_PLACE && end == LAST_HEAP_PLACE && permissions[0] == '-') *(bool *)has_places = true;
  madvise((void *)start, end - start, MADV_DOFORK);
}

int mp_make_heap_copyable(bool *has_places) { return each_mapping(make_copyable, has_places); }

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void join_pages(unsigned long start, unsigned long end, const char *permissions, void *data) {
  if (strncmp(permissions, "rw-", 3) != 0) return;
  const int64_t *until = data;
  while (start < end && now_ms() < *until) {
    unsigned long next = (start + PIECE) & ~(PIECE - 1);
    if (next > end) next = end;
    /* Where the kernel cannot, or has no memory for it, all is as before. */
    madvise((void *)start, next - start, MADV_COLLAPSE);
    start = next;
  }
}

static napi_value use_large_pages(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  mp_arguments(env, info, 1, arguments);
  int64_t until = now_ms() + mp_int(env, arguments[0]);
  int error = each_mapping(join_pages, &until);
  return error == 0 ? NULL : mp_throw_errno(env, error, "fopen");
}

const mp_function mp_heap_mapping_functions[] = {
    {"useLargePages", use_large_pages}, /* (milliseconds): for as much as it can in that time, from Linux 6.1 on */
    {NULL, NULL},
};
