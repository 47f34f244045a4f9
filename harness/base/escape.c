#include "base/escape.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

const char *hd_escape_markup(char character) {
    static const char reserved[] = "<>&\"'";
    static const char *const entities[] = {"&lt;", "&gt;", "&amp;", "&quot;", "&#39;"};
    const char *found = strchr(reserved, character);
    return found ? entities[found - reserved] : NULL;
}

/* How many bytes the non-ASCII character at `at` takes; 0 if there is none. */
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

/* Puts at most so many bytes of the text, and no part of a character. */
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

/* Prints an integer whose type is given by the letters before the conversion, which ends the directive. */
static void put_integer(FILE *to, const char *directive, const char *conversion, va_list *arguments) {
    switch (conversion[-1]) {
    case 'l':
        if (conversion[-2] == 'l')
            fprintf(to, directive, va_arg(*arguments, long long));
        else
            fprintf(to, directive, va_arg(*arguments, long));
        return;
    case 'z':
        fprintf(to, directive, va_arg(*arguments, size_t));
        return;
    case 'j':
        fprintf(to, directive, va_arg(*arguments, intmax_t));
        return;
    case 't':
        fprintf(to, directive, va_arg(*arguments, ptrdiff_t));
        return;
    default: /* h, hh: passed as int */
        fprintf(to, directive, va_arg(*arguments, int));
    }
}

/* Puts the argument of the directive at `at` (its %), and returns the directive's last character. */
static const char *put_argument(FILE *to, hd_escape escape, const char *at, va_list *arguments) {
    char directive[32];
    const char *end = at + 1 + strspn(at + 1, "-+ #0123456789.hlzjtL");
    snprintf(directive, sizeof directive, "%.*s", (int)(end - at) + 1, at);
    if (*end == '%')
        fputc('%', to);
    else if (*end == 's')
        put_text(to, escape, va_arg(*arguments, const char *),
                 at[1] == '.' ? strtoul(at + 2, NULL, 10) : SIZE_MAX);
    else if (*end && strchr("diouxXc", *end))
        put_integer(to, directive, end, arguments);
    else if (*end && strchr("aAeEfFgG", *end) && end[-1] == 'L')
        fprintf(to, directive, va_arg(*arguments, long double));
    else if (*end && strchr("aAeEfFgG", *end))
        fprintf(to, directive, va_arg(*arguments, double));
    else
        abort(); /* a mistake in the program: we do not know the argument's type */
    return end;
}

void hd_escape_print(FILE *to, hd_escape escape, const char *format, va_list arguments) {
    va_list rest; /* an argument of type va_list may be an array: only a copy has an address of its type */
    va_copy(rest, arguments);
    for (; *format; format++)
        if (*format == '%')
            format = put_argument(to, escape, format, &rest);
        else
            fputc(*format, to);
    va_end(rest);
}
