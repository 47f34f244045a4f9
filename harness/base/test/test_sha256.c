#include "base/sha256.h"

#include <criterion/criterion.h>

Test(digest, gives_the_published_answers) {
    char hex[HD_SHA256];
    hd_error error;
    cr_assert_eq(hd_sha256_block("abc", 3, hex, &error), HD_OK);
    cr_expect_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    cr_assert_eq(hd_sha256_block("", 0, hex, &error), HD_OK);
    cr_expect_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

Test(digest, of_pieces_is_that_of_the_whole) {
    char whole[HD_SHA256], pieces[HD_SHA256];
    hd_error error;
    const char text[] = "A reader sees the old file or the new one, never a part.";
    cr_assert_eq(hd_sha256_block(text, sizeof text, whole, &error), HD_OK);
    hd_sha256 digest = hd_sha256_begin();
    hd_sha256_add(&digest, text, 7);
    hd_sha256_add(&digest, text + 7, 0);
    hd_sha256_add(&digest, text + 7, sizeof text - 7);
    cr_assert_eq(hd_sha256_end(&digest, pieces, &error), HD_OK);
    cr_expect_str_eq(pieces, whole);
}

Test(digest, that_failed_says_so_at_its_end_and_gives_no_digits) {
    hd_sha256 digest = {NULL}; /* what begin returns without memory */
    hd_error error;
    char hex[HD_SHA256] = "unchanged";
    hd_sha256_add(&digest, "abc", 3);
    cr_expect_eq(hd_sha256_end(&digest, hex, &error), HD_UNAVAILABLE);
    cr_expect_str_empty(hex);
    cr_expect(strstr(error.message, "SHA-256"));
}
