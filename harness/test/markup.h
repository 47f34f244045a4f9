/* Whether a browser and an XML parser read a page alike: every element closed in order, every character
 * reference known. */
#ifndef HD_TEST_MARKUP_H
#define HD_TEST_MARKUP_H

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { MARKUP_DEPTH = 64 };

static inline void markup_expect_reference(const char *at) {
    static const char *const known[] = {"&lt;", "&gt;", "&amp;", "&quot;", "&#39;"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strncmp(at, known[i], strlen(known[i]))) return;
    cr_assert_fail("not a character reference: %.20s", at);
}

/* Reads the tag at `at`, its '<'; gives what follows it. */
static inline const char *markup_tag(const char *at, const char *open[MARKUP_DEPTH], size_t *depth) {
    size_t length = strcspn(at + 1 + (at[1] == '/'), " />\n");
    if (at[1] == '/')
        cr_assert(*depth > 0 && !strncmp(open[--*depth] + 1, at + 2, length), "closed: %.40s, open: %.40s",
                  at, open[*depth]);
    const char *end = at + 1;
    for (bool quoted = false; quoted || *end != '>'; end++) {
        cr_assert(*end && *end != '<', "unfinished: %.60s", at);
        if (*end == '"') quoted = !quoted;
        if (*end == '&') markup_expect_reference(end);
    }
    cr_assert_lt(*depth, MARKUP_DEPTH);
    if (at[1] != '/' && at[1] != '!' && end[-1] != '/') open[(*depth)++] = at;
    return end + 1;
}

static inline void markup_expect_well_formed(const char *text) {
    const char *open[MARKUP_DEPTH] = {NULL}, *at = text;
    size_t depth = 0;
    while (*at) {
        if (*at == '&') markup_expect_reference(at);
        at = *at == '<' ? markup_tag(at, open, &depth) : at + 1;
    }
    cr_expect_eq(depth, 0, "left open: %.40s", depth ? open[depth - 1] : "");
}

static inline size_t markup_count(const char *text, const char *part) {
    size_t count = 0;
    for (; (text = strstr(text, part)); text++) count++;
    return count;
}

#define markup_expect_has(text, part) cr_expect(strstr(text, part), "no '%s' in: %.2000s", part, text)
#define markup_expect_not(text, part) cr_expect(!strstr(text, part), "'%s' in: %.2000s", part, text)

#endif
