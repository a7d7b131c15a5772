/* On which processors the calling process may run. */
#include "addon.h"

#include <errno.h>
#include <sched.h>

static napi_value set_affinity(napi_env env, napi_callback_info info) {
  napi_value list;
  mp_arguments(env, info, 1, &list);
  uint32_t count;
  MP_CHECK(napi_get_array_length(env, list, &count));
  cpu_set_t set;
  CPU_ZERO(&set);
  for (uint32_t i = 0; i < count; i++) {
    napi_value element;
    MP_CHECK(napi_get_element(env, list, i, &element));
    int32_t cpu = mp_int(env, element);
    if (cpu >= 0 && cpu < CPU_SETSIZE) CPU_SET(cpu, &set);
  }
  /* The calling thread, on which JavaScript runs; the threads and processes that it starts from now on inherit it. */
  if (sched_setaffinity(0, sizeof(set), &set) != 0) return mp_throw_errno(env, errno, "sched_setaffinity");
  return NULL;
}

static napi_value get_affinity(napi_env env, napi_callback_info info) {
  (void)info;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return mp_throw_errno(env, errno, "sched_getaffinity");
  napi_value list;
  MP_CHECK(napi_create_array(env, &list));
  uint32_t count = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (CPU_ISSET(cpu, &set)) MP_CHECK(napi_set_element(env, list, count++, mp_from_int(env, cpu)));
  }
  return list;
}

static napi_value current_cpu(napi_env env, napi_callback_info info) {
  (void)info;
  return mp_from_int(env, sched_getcpu());
}

static napi_value yield_now(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  sched_yield();
  return NULL;
}

const mp_function mp_affinity_functions[] = {
  {"setAffinity", set_affinity},
  {"getAffinity", get_affinity},
  {"currentCpu", current_cpu},
  {"yieldNow", yield_now}, /* (): sched_yield */
  {NULL, NULL},
};
