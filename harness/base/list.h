/* Arrays that grow at their end, without a capacity to keep. */
#ifndef HD_BASE_LIST_H
#define HD_BASE_LIST_H

#include <stdlib.h>

/* The array with room for element count, moved where it must: it doubles at powers of two. The caller's, with
 * its pointer for later calls, to free(). NULL: no memory; the array is then as it was. */
static inline void *hd_list_room(void *array, size_t count, size_t size) {
    if (count & (count - 1)) return array;
    return realloc(array, (count ? 2 * count : 1) * size);
}

#endif
