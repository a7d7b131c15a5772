/* The addon's one entrance, and what all its files share. */
#include "addon.h"

#include <string.h>

#include "uv_declarations.h"

napi_value mp_throw_errno(napi_env env, int error, const char *system_call) {
  char message[256];
  const char *name = uv_err_name(-error);
  const char *text = uv_strerror(-error);
  size_t length = 0;
  const char *parts[] = {name, ": ", text, ", ", system_call};
  for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
    size_t part = strlen(parts[i]);
    if (length + part >= sizeof(message)) break;
    memcpy(message + length, parts[i], part);
    length += part;
  }
  napi_value code, text_value, call, made;
  MP_CHECK(napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &code));
  MP_CHECK(napi_create_string_utf8(env, message, length, &text_value));
  MP_CHECK(napi_create_string_utf8(env, system_call, NAPI_AUTO_LENGTH, &call));
  MP_CHECK(napi_create_error(env, code, text_value, &made));
  mp_set(env, made, "errno", mp_from_int(env, -error));
  mp_set(env, made, "syscall", call);
  MP_CHECK(napi_throw(env, made));
  return NULL;
}

void mp_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *arguments) {
  MP_CHECK(napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
}

int32_t mp_int(napi_env env, napi_value value) {
  int32_t number = 0;
  MP_CHECK(napi_get_value_int32(env, value, &number));
  return number;
}

bool mp_bool(napi_env env, napi_value value) {
  bool truth = false;
  MP_CHECK(napi_get_value_bool(env, value, &truth));
  return truth;
}

napi_value mp_from_int(napi_env env, int64_t value) {
  napi_value number;
  MP_CHECK(napi_create_int64(env, value, &number));
  return number;
}

napi_value mp_from_bool(napi_env env, bool value) {
  napi_value truth;
  MP_CHECK(napi_get_boolean(env, value, &truth));
  return truth;
}

napi_value mp_pair(napi_env env, int first, int second) {
  napi_value pair;
  MP_CHECK(napi_create_array_with_length(env, 2, &pair));
  MP_CHECK(napi_set_element(env, pair, 0, mp_from_int(env, first)));
  MP_CHECK(napi_set_element(env, pair, 1, mp_from_int(env, second)));
  return pair;
}

void mp_set(napi_env env, napi_value object, const char *name, napi_value value) {
  MP_CHECK(napi_set_named_property(env, object, name, value));
}

static void add(napi_env env, napi_value exports, const mp_function *functions) {
  for (; functions->name != NULL; functions++) {
    napi_value made;
    MP_CHECK(napi_create_function(env, functions->name, NAPI_AUTO_LENGTH, functions->function, NULL, &made));
    mp_set(env, exports, functions->name, made);
  }
}

NAPI_MODULE_INIT() {
  add(env, exports, mp_affinity_functions);
  add(env, exports, mp_descriptor_functions);
  add(env, exports, mp_doorbell_functions);
  add(env, exports, mp_family_name_functions);
  add(env, exports, mp_fork_server_functions);
  add(env, exports, mp_heap_mapping_functions);
  add(env, exports, mp_loop_functions);
  add(env, exports, mp_memory_functions);
  add(env, exports, mp_platform_functions);
  add(env, exports, mp_process_functions);
  return exports;
}
