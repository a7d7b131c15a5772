/*
 * The native addon: memory, processes and descriptors as the system calls have them. No policy: JavaScript decides.
 *
 * Every function takes plain positional values, already checked, and throws an Error with code, errno and syscall when
 * the kernel refuses. A file holds one family of calls and offers its table; adding a file means adding its table to
 * addon.c.
 */
#ifndef NODE_MULTIPROCESSING_ADDON_H
#define NODE_MULTIPROCESSING_ADDON_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define NAPI_VERSION 9

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  const char *name;
  napi_callback function;
} mp_function;

/* Each ends with a NULL name. */
extern const mp_function mp_affinity_functions[];    /* on which processors this process may run */
extern const mp_function mp_descriptor_functions[]; /* socket pairs, pipes, descriptors in messages */
extern const mp_function mp_doorbell_functions[];    /* sockets and futexes by which one process wakes another */
extern const mp_function mp_family_name_functions[]; /* names in /dev/shm that end with the family */
extern const mp_function mp_fork_server_functions[]; /* serve: forks on request, returns in the child; its end */
extern const mp_function mp_heap_mapping_functions[]; /* in which pages this process has its memory */
extern const mp_function mp_loop_functions[];        /* watch a descriptor, notice an empty event loop */
extern const mp_function mp_memory_functions[];      /* memory files, named segments, mappings */
extern const mp_function mp_platform_functions[];    /* Node without its platform's threads */
extern const mp_function mp_process_functions[];     /* pidfds, lifelines */

/* Throws what errno says; returns NULL for the caller to return. */
napi_value mp_throw_errno(napi_env env, int error, const char *system_call);

/* The arguments of a call, as many as `count`; the missing ones are undefined. */
void mp_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *arguments);
int32_t mp_int(napi_env env, napi_value value);
bool mp_bool(napi_env env, napi_value value);
napi_value mp_from_int(napi_env env, int64_t value);
napi_value mp_from_bool(napi_env env, bool value);
napi_value mp_pair(napi_env env, int first, int second);
void mp_set(napi_env env, napi_value object, const char *name, napi_value value);

/* True when a signal has come whose handler in JavaScript has not begun: it does so once the thread is in its loop again. */
bool mp_signal_is_pending(napi_env env);

/* For what cannot fail but by a fault of ours or by the end of memory. */
#define MP_CHECK(call)                                                        \
  do {                                                                        \
    if ((call) != napi_ok) napi_fatal_error(__FILE__, NAPI_AUTO_LENGTH, #call, NAPI_AUTO_LENGTH); \
  } while (0)

#endif
