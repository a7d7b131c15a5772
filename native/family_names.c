/*
 * What a family has named in /dev/shm is cleared by its fork server when the root has ended: readdir(3), unlinkat(2).
 *
 * The names and what stands beside those that the user chose: src/host/family-names.ts.
 */
#include "addon.h"
#include "family_names.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PREFIX_SIZE = 128, EXITING = 4 /* PF_EXITING in the flags of proc(5) */ };

static char prefix[PREFIX_SIZE];

/* One that is about to end has closed its descriptors before it is a zombie: its flags say so already. */
static bool root_is_running(void) {
  int pid;
  unsigned flags;
  unsigned long long start, found;
  char path[64], text[1024], state;
  if (sscanf(prefix, "nmp-%d-%llu-", &pid, &start) != 2) return true;
  snprintf(path, sizeof(path), "/proc/%d/stat", pid);
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  ssize_t length = read(descriptor, text, sizeof(text) - 1);
  close(descriptor);
  if (length <= 0) return false;
  text[length] = '\0';
  const char *after = strrchr(text, ')');
  if (after == NULL || sscanf(after + 1,
                              " %c %*s %*s %*s %*s %*s %u %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu", &state,
                              &flags, &found) != 3) {
    return true;
  }
  return found == start && state != 'Z' && state != 'X' && (flags & EXITING) == 0;
}

/* By syscall(): fstatat() would ask for glibc 2.33, and musl has statx() since 1.2.5 only. */
static bool facts_of(int folder, const char *name, struct statx *facts) {
  return syscall(SYS_statx, folder, name, AT_SYMLINK_NOFOLLOW, STATX_UID | STATX_INO, facts) == 0;
}

/* The segment that a note names, if it is still the one that was meant: its inode is part of the note's name. */
static void clear_chosen(int folder, const char *note) {
  char chosen[NAME_MAX + 1];
  struct statx of_note, of_segment;
  ssize_t length = readlinkat(folder, note, chosen, sizeof(chosen) - 1);
  if (length <= 0) return;
  chosen[length] = '\0';
  const char *inode = strrchr(note, '-');
  if (inode == NULL || strchr(chosen, '/') != NULL) return;
  if (!facts_of(folder, note, &of_note) || !facts_of(folder, chosen, &of_segment)) return;
  if (of_segment.stx_ino == strtoull(inode + 1, NULL, 10) && of_segment.stx_uid == of_note.stx_uid) {
    unlinkat(folder, chosen, 0);
  }
}

void mp_clear_family_names(void) {
  if (prefix[0] == '\0' || root_is_running()) return;
  DIR *folder = opendir("/dev/shm");
  if (folder == NULL) return;
  struct dirent *entry;
  while ((entry = readdir(folder)) != NULL) {
    if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0) continue;
    clear_chosen(dirfd(folder), entry->d_name);
    unlinkat(dirfd(folder), entry->d_name, 0);
  }
  closedir(folder);
}

static napi_value name_family(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  size_t length;
  mp_arguments(env, info, 1, arguments);
  MP_CHECK(napi_get_value_string_utf8(env, arguments[0], prefix, sizeof(prefix), &length));
  return NULL;
}

const mp_function mp_family_name_functions[] = {
    {"nameFamily", name_family}, /* (prefix): what begins so is cleared when serve() ends with the family's root */
    {NULL, NULL},
};
