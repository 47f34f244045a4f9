#include "base/escape.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static char *escaped(const char *text) {
    char *result = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&result, &size);
    cr_assert_not_null(to);
    hd_escape_text(to, hd_escape_markup, text);
    fclose(to);
    return result;
}

#define expect_escaped(text, expected)                                                                       \
    do {                                                                                                     \
        char *result = escaped(text);                                                                        \
        cr_expect_str_eq(result, expected);                                                                  \
        free(result);                                                                                        \
    } while (0)

Test(escape, keeps_characters_of_every_length) {
    expect_escaped("a\u00e9\u20ac\U0001f600z", "a\u00e9\u20ac\U0001f600z");
    expect_escaped("\uffe0\uffef\U00010000\U0010ffff", "\uffe0\uffef\U00010000\U0010ffff");
}

Test(escape, replaces_bytes_that_are_no_characters) {
    expect_escaped("a\xff\xfe z", "a\ufffd\ufffd z");
    expect_escaped("\xc3", "\ufffd");                /* cut short at the end */
    expect_escaped("\xe2\x82<", "\ufffd\ufffd&lt;"); /* cut short by another */
    expect_escaped("\x80", "\ufffd");                /* begins in the middle */
    expect_escaped("\xc0\xaf", "\ufffd\ufffd");      /* longer than it needs to be: a slash */
    expect_escaped("\xe0\x80\xaf", "\ufffd\ufffd\ufffd");
    expect_escaped("\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd");                     /* beyond the last */
    expect_escaped("\xed\xa0\x80", "\ufffd\ufffd\ufffd");                               /* a surrogate */
    expect_escaped("\xef\xbf\xbe\xef\xbf\xbf", "\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd"); /* U+FFFE, U+FFFF */
}

Test(escape, lets_no_control_character_through) {
    expect_escaped("\001\t\n\033[1m\177.", "    [1m .");
}

static const char *shout(char character) {
    return character == '\n' ? "<line>" : NULL;
}

Test(escape, asks_the_language_first) {
    char *result = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&result, &size);
    hd_escape_text(to, shout, "a\nb\tc<");
    fclose(to);
    cr_expect_str_eq(result, "a<line>b c<");
    free(result);
}
