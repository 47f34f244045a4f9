/* Arrays that grow at their end, without a capacity to keep. */
#ifndef HD_BASE_LIST_H
#define HD_BASE_LIST_H

#include <stdlib.h>

/* Makes room for element number count of an array, which may move; room doubles at powers of two. The caller
 * frees the array with free(). NULL: no memory; the array is then unchanged. */
static inline void *hd_list_room(void *array, size_t count, size_t size) {
    if (count & (count - 1)) return array;
    return realloc(array, (count ? 2 * count : 1) * size);
}

#endif
