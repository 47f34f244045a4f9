/* Arrays that grow at their end, without a capacity to keep. */
#ifndef HD_BASE_LIST_H
#define HD_BASE_LIST_H

#include <stdlib.h>
#include <string.h>

/* Adds a zeroed element at the array's end, counts it, and gives it. `array` is the address of the array's pointer,
 * NULL at first, which the caller frees with free(); room doubles at powers of two. NULL: no memory; nothing changed. */
static inline void *hd_list_add(void *array, size_t *count, size_t size) {
    char *first;
    memcpy(&first, array, sizeof first);
    if (!(*count & (*count - 1))) {
        if (!(first = realloc(first, (*count ? 2 * *count : 1) * size))) return NULL;
        memcpy(array, &first, sizeof first);
    }
    return memset(first + (*count)++ * size, 0, size);
}

#endif
