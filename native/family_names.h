/* The names of a family in /dev/shm. */
#ifndef NODE_MULTIPROCESSING_FAMILY_NAMES_H
#define NODE_MULTIPROCESSING_FAMILY_NAMES_H

/* Unlinks them all if the family's root has ended, or is about to. */
void mp_clear_family_names(void);

#endif
