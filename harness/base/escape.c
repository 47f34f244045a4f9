#include "base/escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

const char *hd_escape_markup(char character) {
    static const char reserved[] = "<>&\"'";
    static const char *const entities[] = {"&lt;", "&gt;", "&amp;", "&quot;", "&#39;"};
    const char *found = strchr(reserved, character);
    return found ? entities[found - reserved] : NULL;
}

/* How many bytes the character beyond ASCII at `at` takes; 0 where there is none. */
static size_t character_length(const unsigned char *at) {
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = at[0] < 0xc0 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf8 ? 4 : 0;
    unsigned code = at[0] & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) return 0;
        code = code << 6 | (at[i] & 0x3fu);
    }
    bool surrogate = code >= 0xd800 && code < 0xe000;
    bool there = code >= least[length] && code < 0x110000 && !surrogate && code != 0xfffe && code != 0xffff;
    return there ? length : 0;
}

/* At most so many bytes of the text, and no part of a character. */
static void put_text(FILE *to, hd_escape escape, const char *text, size_t most) {
    const unsigned char *at = (const unsigned char *)text, *end = at + strnlen(text, most);
    while (at < end) {
        if (*at < 0x80) {
            const char *instead = escape((char)*at);
            if (instead)
                fputs(instead, to);
            else
                fputc(*at < ' ' || *at == 0x7f ? ' ' : *at, to);
            at++;
            continue;
        }
        size_t length = character_length(at);
        if (length > (size_t)(end - at)) return;
        if (length)
            fwrite(at, 1, length, to);
        else
            fputs("\xef\xbf\xbd", to);
        at += length ? length : 1;
    }
}

void hd_escape_text(FILE *to, hd_escape escape, const char *text) {
    put_text(to, escape, text, SIZE_MAX);
}

/* Puts the argument of the directive at `at`, which follows its %, and returns its last character. */
static const char *put_argument(FILE *to, hd_escape escape, const char *at, va_list *arguments) {
    char directive[16];
    size_t length = strcspn(at, "%sducefg") + 1;
    snprintf(directive, sizeof directive, "%%%.*s", (int)length, at);
    switch (at[length - 1]) {
    case '%':
        fputc('%', to);
        break;
    case 's':
        put_text(to, escape, va_arg(*arguments, const char *),
                 at[0] == '.' ? strtoul(at + 1, NULL, 10) : SIZE_MAX);
        break;
    case 'c':
    case 'd':
        fprintf(to, directive, va_arg(*arguments, int));
        break;
    case 'u':
        if (length > 1 && at[length - 2] == 'z')
            fprintf(to, directive, va_arg(*arguments, size_t));
        else
            fprintf(to, directive, va_arg(*arguments, unsigned));
        break;
    default:
        fprintf(to, directive, va_arg(*arguments, double));
    }
    return at + length - 1;
}

void hd_escape_print(FILE *to, hd_escape escape, const char *format, va_list arguments) {
    va_list rest;
    va_copy(
        rest,
        arguments); /* an argument of type va_list may be an array: only a copy has an address of its type */
    for (; *format; format++)
        if (*format == '%')
            format = put_argument(to, escape, format + 1, &rest);
        else
            fputc(*format, to);
    va_end(rest);
}
