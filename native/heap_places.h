/* The places that V8 would put the pages of its heap at: why they are taken says preload/heap_places.c. */
#ifndef NODE_MULTIPROCESSING_HEAP_PLACES_H
#define NODE_MULTIPROCESSING_HEAP_PLACES_H

/* What V8 draws from (OS::GetRandomMmapAddr), less where programs lie that cannot be moved. */
#define FIRST_HEAP_PLACE 0x1000000000UL
#define LAST_HEAP_PLACE 0x3ffffffff000UL

/* The environment variable that says what else LD_PRELOAD held: src/process/fork-server-start.ts. */
#define PRELOADED_BESIDE "NODE_MULTIPROCESSING_PRELOADED_BESIDE"

#endif
