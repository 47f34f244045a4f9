/* Numbers with a decimal point, whatever the user's locale has. */
#ifndef HD_BASE_C_LOCALE_H
#define HD_BASE_C_LOCALE_H

#include <locale.h>

/* The C library's own, which takes no memory and is not to be freed. */
static inline locale_t hd_c_locale(void) {
    return newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

#endif
