#include "base/escape.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
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

static char *__attribute__((format(printf, 1, 2))) printed(const char *format, ...) {
    char *result = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&result, &size);
    va_list arguments;
    va_start(arguments, format);
    hd_escape_print(to, hd_escape_markup, format, arguments);
    va_end(arguments);
    fclose(to);
    return result;
}

#define expect_printed(expected, ...)                                                                        \
    do {                                                                                                     \
        char *result = printed(__VA_ARGS__);                                                                 \
        cr_expect_str_eq(result, expected);                                                                  \
        free(result);                                                                                        \
    } while (0)

Test(escape, prints_numbers_of_every_length_and_what_follows_them) {
    expect_printed("-4294967297 | 8589934592 | x", "%ld | %lu | %s", -4294967297L, 8589934592UL, "x");
    expect_printed("-1099511627776 18446744073709551615 x", "%lld %llu %s", -1099511627776LL, ~0ULL, "x");
    expect_printed("4294967296 -5 -6 x", "%zu %td %jd %s", (size_t)4294967296, (ptrdiff_t)-5, (intmax_t)-6,
                   "x");
    expect_printed("-1 255 -2 65534 -3 4294967293", "%hhd %hhu %hd %hu %d %u", -1, 255, -2, 65534, -3,
                   4294967293U);
    expect_printed("  2.5|1.50e+00|0.1|2.0|0x1p+0|x", "%5.1f|%.2e|%g|%.1Lf|%a|%s", 2.5, 1.5, 0.1, 2.0L, 1.0,
                   "x");
    expect_printed("ff 0X1F 017 -7  7 +7 007 c 100%", "%x %#X %#o %-3d%2d %+d %03d %c %d%%", 255U, 31U, 15U,
                   -7, 7, 7, 7, 'c', 100);
}

Test(escape, escapes_every_text_but_no_markup) {
    expect_printed("<b>&lt;i&gt; &amp; &quot;a&quot; &#39;b&#39;\ufffd</b>", "<b>%s</b>",
                   "<i> & \"a\" 'b'\xff");
    expect_printed("ab|&lt;|\u00e9|a|", "%.2s|%.1s|%.2s|%.2s|", "abc", "<>", "\u00e9\u00e9", "a\u00e9");
}

Test(escape, stops_at_a_conversion_that_it_does_not_know, .signal = SIGABRT) {
    free(printed("%p", (void *)NULL));
}
