/* SHA-256, as 64 lower-case hexadecimal digits. */
#ifndef HD_BASE_SHA256_H
#define HD_BASE_SHA256_H

#include "core/error.h"

#include <stddef.h>

enum { HD_SHA256 = 65 }; /* the digits and a terminating zero */

/* A digest of several pieces: begin, add each piece, end. */
typedef struct hd_sha256 {
    struct evp_md_ctx_st *context; /* NULL after a failure, which hd_sha256_end reports */
} hd_sha256;

hd_sha256 hd_sha256_begin(void);
void hd_sha256_add(hd_sha256 *digest, const void *data, size_t size);

/* Writes the digits into hex and frees what digest held, always. With hex NULL it only frees. HD_UNAVAILABLE:
 * the library failed (no memory); hex is then "". */
hd_status hd_sha256_end(hd_sha256 *digest, char hex[HD_SHA256], hd_error *error);

/* The digest of size bytes at data. Errors as in hd_sha256_end. */
hd_status hd_sha256_block(const void *data, size_t size, char hex[HD_SHA256], hd_error *error);

#endif
