/*
 * Node's platform in a process that lacks the platform's threads: fork() copies only the thread that calls it.
 *
 * Whoever ends an event loop or an environment, a worker thread's too, waits in NodePlatform::DrainTasks until all tasks
 * posted to those threads are done: in a forked child for ever (src/node_platform.cc, Node 20 to 26). V8 needs none of
 * those tasks done where it runs with --single-threaded; so that wait is taken out, the rest of the function stays.
 * It is a virtual function of a class whose symbols Node exports: its place in the class's table is found by its address.
 */
#include "addon.h"

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

/* The version that every glibc has: the newest one, which the linker would take, is of glibc 2.34, and Node runs on 2.28. */
#if defined(__GLIBC__) && defined(__x86_64__)
__asm__(".symver dlsym, dlsym@GLIBC_2.2.5");
#elif defined(__GLIBC__) && defined(__aarch64__)
__asm__(".symver dlsym, dlsym@GLIBC_2.17");
#endif

/* The class has some 30 virtual functions. */
enum { LONGEST_TABLE = 64 };

typedef bool (*flush_function)(void *platform, void *isolate);
static flush_function flush_foreground_tasks;

static void drain_foreground_tasks(void *platform, void *isolate) {
  while (flush_foreground_tasks(platform, isolate)) continue;
}

static napi_value forget_platform_threads(napi_env env, napi_callback_info info) {
  (void)info;
  void **table = dlsym(RTLD_DEFAULT, "_ZTVN4node12NodePlatformE");
  void *drain = dlsym(RTLD_DEFAULT, "_ZN4node12NodePlatform10DrainTasksEPN2v87IsolateE");
  void *flush = dlsym(RTLD_DEFAULT, "_ZN4node12NodePlatform20FlushForegroundTasksEPN2v87IsolateE");
  if (table == NULL || drain == NULL || flush == NULL) return mp_from_bool(env, false);
  /* POSIX has function pointers fit into data pointers; ISO C has no cast for it. */
  *(void **)&flush_foreground_tasks = flush;
  void (*ours)(void *, void *) = drain_foreground_tasks;
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  for (int i = 0; i < LONGEST_TABLE; i++) {
    if (table[i] != drain) continue;
    void *start = (void *)((uintptr_t)&table[i] & ~(page - 1));
    if (mprotect(start, page, PROT_READ | PROT_WRITE) != 0) break;
    table[i] = *(void **)&ours; /* The page stays writable: whether it was before, only /proc would tell. */
    return mp_from_bool(env, true);
  }
  return mp_from_bool(env, false);
}

const mp_function mp_platform_functions[] = {
    {"forgetPlatformThreads", forget_platform_threads}, /* () -> false where this Node's platform is another */
    {NULL, NULL},
};
