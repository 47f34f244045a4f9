#include "base/sha256.h"

#include <openssl/evp.h>

static void fail(hd_sha256 *digest) {
    EVP_MD_CTX_free(digest->context);
    digest->context = NULL;
}

hd_sha256 hd_sha256_begin(void) {
    hd_sha256 digest = {EVP_MD_CTX_new()};
    if (digest.context && EVP_DigestInit_ex(digest.context, EVP_sha256(), NULL) != 1) fail(&digest);
    return digest;
}

void hd_sha256_add(hd_sha256 *digest, const void *data, size_t size) {
    if (digest->context && EVP_DigestUpdate(digest->context, data, size) != 1) fail(digest);
}

hd_status hd_sha256_end(hd_sha256 *digest, char hex[HD_SHA256], hd_error *error) {
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned count = 0;
    if (digest->context && EVP_DigestFinal_ex(digest->context, bytes, &count) != 1) count = 0;
    EVP_MD_CTX_free(digest->context);
    digest->context = NULL;
    if (!hex) return HD_OK;
    for (unsigned i = 0; i < count; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    hex[2 * count] = '\0';
    return count ? HD_OK
                 : hd_fail(error, HD_UNAVAILABLE, "SHA-256: libcrypto could not compute it (no memory?)");
}

hd_status hd_sha256_block(const void *data, size_t size, char hex[HD_SHA256], hd_error *error) {
    hd_sha256 digest = hd_sha256_begin();
    hd_sha256_add(&digest, data, size);
    return hd_sha256_end(&digest, hex, error);
}
