/* This process's private memory, mapping by mapping: proc(5), madvise(2). */
#ifndef NODE_MULTIPROCESSING_HEAP_MAPPINGS_H
#define NODE_MULTIPROCESSING_HEAP_MAPPINGS_H

#include <stdbool.h>

/* V8 keeps its heap out of forks; each private anonymous mapping is put back in. Returns an errno, and whether the places
 * are there that preload/heap_places.c takes. */
int mp_make_heap_copyable(bool *has_places);

#endif
