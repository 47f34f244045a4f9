/* A name that is not known: the names that there are, and which of them was perhaps meant.
 *
 *     hd_suggestion names = {.word = word};
 *     for (size_t i = 0; i < count; i++) hd_suggestion_add(&names, name[i]);
 *     return hd_fail(error, HD_INVALID, "'%.40s': not known; allowed: %s", word, hd_suggestion_text(&names));
 */
#ifndef HD_BASE_SUGGESTION_H
#define HD_BASE_SUGGESTION_H

#include <stddef.h>

typedef struct hd_suggestion {
    const char *word;  /* what was given */
    char text[400];    /* "run, check, diff": as many names as fit */
    char nearest[64];  /* "" : none is near */
    size_t difference; /* edits from the word to the nearest */
} hd_suggestion;

/* Adds a name to the text, and to those that the word may mean. */
void hd_suggestion_add(hd_suggestion *names, const char *name);

/* A name that the word may mean, left out of the text. It is near if at most 2 letters (a third of a long word's)
 * must be put in, left out, changed or swapped; of a word under 4 letters 1, not its first: gpu is not near cpu.
 * Case is no difference. */
void hd_suggestion_consider(hd_suggestion *names, const char *name);

/* The names, then "; did you mean 'check'?" where one is near: the nearest, of several the first. Call it
 * once, at the end. */
const char *hd_suggestion_text(hd_suggestion *names);

#endif
