/* SHA-256, as 64 lower-case hexadecimal digits. */
#ifndef HD_BASE_SHA256_H
#define HD_BASE_SHA256_H

#include "core/error.h"

#include <stddef.h>

enum { HD_DIGEST = 65 }; /* the digits and a terminating zero */

/* The digest of bytes that come in pieces: begin, add each piece, end. */
typedef struct hd_digest {
    struct evp_md_ctx_st *context; /* NULL after a failure, which hd_digest_end reports */
} hd_digest;

hd_digest hd_digest_begin(void);
void hd_digest_add(hd_digest *digest, const void *data, size_t size);

/* Writes the digits into hex and frees what digest held, in every case. hex may be NULL: then it only frees.
 * HD_UNAVAILABLE: the library could not do it (no memory); hex is then the empty string. */
hd_status hd_digest_end(hd_digest *digest, char hex[HD_DIGEST], hd_error *error);

/* The digest of size bytes at data. Errors as in hd_digest_end. */
hd_status hd_digest_block(const void *data, size_t size, char hex[HD_DIGEST], hd_error *error);

#endif
