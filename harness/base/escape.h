/* Escapes users' texts, so that markup shows them as they are, and replaces what is no character. Pages, CI
 * servers' reports and their log commands use it. */
#ifndef HD_BASE_ESCAPE_H
#define HD_BASE_ESCAPE_H

#include <stdarg.h>
#include <stdio.h>

/* A markup language: returns what to write for an ASCII character, NULL if the character itself. */
typedef const char *(*hd_escape)(char character);

/* HTML and XML, between tags and in quoted attributes: entities for < > & " '. */
const char *hd_escape_markup(char character);

/* Writes the text. A control character becomes a blank, unless the language has something for it. What is not
 * UTF-8, surrogates, U+FFFE and U+FFFF (not allowed in XML) become U+FFFD, one for each byte. */
void hd_escape_text(FILE *to, hd_escape escape, const char *text);

/* Writes the format, which is markup, and its arguments as printf does, but escapes every text (%s). It knows
 * all of printf's numbers, %c, %s and %%, with flags, width, precision (which cuts %s between characters) and
 * length. It aborts on *, %p and %n. */
void hd_escape_print(FILE *to, hd_escape escape, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

#endif
