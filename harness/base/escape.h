/* Texts from users, put into markup so that they stay texts: what the markup's language reserves is escaped,
 * and what is no character is replaced. Pages, CI servers' reports and their log commands are all written so. */
#ifndef HD_BASE_ESCAPE_H
#define HD_BASE_ESCAPE_H

#include <stdarg.h>
#include <stdio.h>

/* A language: what stands for an ASCII character in it, or NULL where the character stands for itself. */
typedef const char *(*hd_escape)(char character);

/* HTML and XML, between tags and in quoted attributes: entities for < > & " '. */
const char *hd_escape_markup(char character);

/* Writes the text. A control character becomes a blank, unless the language has something for it. What is no
 * UTF-8, and surrogates, U+FFFE and U+FFFF, which XML has no place for, become U+FFFD, one for each byte. */
void hd_escape_text(FILE *to, hd_escape escape, const char *text);

/* Writes the format, which is markup, with its arguments as printf puts them; but every text (%s) is escaped.
 * All of printf's numbers and %c, with flags, width, precision and length; %s, which a precision cuts between
 * characters; and %%. Neither * nor %p, %n: it aborts. */
void hd_escape_print(FILE *to, hd_escape escape, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

#endif
