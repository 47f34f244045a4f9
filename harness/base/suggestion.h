/* For an unknown name: lists the known names, and suggests the one that was perhaps meant.
 *
 *     hd_suggestion names = {.word = word};
 *     for (size_t i = 0; i < count; i++) hd_suggestion_add(&names, name[i]);
 *     return hd_fail(error, HD_INVALID, "'%.40s': not known; allowed: %s", word, hd_suggestion_text(&names));
 */
#ifndef HD_BASE_SUGGESTION_H
#define HD_BASE_SUGGESTION_H

#include <stddef.h>

typedef struct hd_suggestion {
    const char *word;  /* the unknown name */
    char text[400];    /* "run, check, diff": as many names as fit */
    char nearest[64];  /* "": none is near */
    size_t difference; /* edits from the word to the nearest */
} hd_suggestion;

/* Adds a name to the text, and considers it. */
void hd_suggestion_add(hd_suggestion *names, const char *name);

/* Considers a name that the text does not list. A name is near if at most 2 letters (a third of a long
 * word's) are inserted, left out, changed or swapped; for a word under 4 letters 1, and not the first: gpu is
 * not near cpu. Case does not count. */
void hd_suggestion_consider(hd_suggestion *names, const char *name);

/* Returns the names, then "; did you mean 'check'?" with the nearest (of equals the first), if one is near.
 * Call it once, at the end. The text is names's. */
const char *hd_suggestion_text(hd_suggestion *names);

#endif
