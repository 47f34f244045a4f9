#include "base/suggestion.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = sizeof((hd_suggestion *)0)->nearest - 1, QUESTION = LONGEST + sizeof "; did you mean ''?" };

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static bool same(char a, char b) {
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* The least number of letters to insert, leave out, change, or swap with a neighbour on the way from a to b,
 * neither longer than LONGEST. cost[i][j] is that of a's first i letters and b's first j. */
static size_t edits(const char *a, size_t a_length, const char *b, size_t b_length) {
    size_t cost[LONGEST + 1][LONGEST + 1];
    for (size_t i = 0; i <= a_length; i++)
        for (size_t j = 0; j <= b_length; j++) {
            cost[i][j] = i ? i : j;
            if (!i || !j) continue;
            cost[i][j] = least(cost[i - 1][j - 1] + !same(a[i - 1], b[j - 1]),
                               least(cost[i - 1][j], cost[i][j - 1]) + 1);
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                cost[i][j] = least(cost[i][j], cost[i - 2][j - 2] + 1);
        }
    return cost[a_length][b_length];
}

void hd_suggestion_consider(hd_suggestion *names, const char *name) {
    size_t length = strlen(names->word), other = strlen(name);
    size_t most = length < 4 ? 1 : length < 9 ? 2 : length / 3;
    if (!length || length > LONGEST || other > LONGEST) return;
    if (length < 4 && !same(names->word[0], name[0])) return;
    size_t difference = edits(names->word, length, name, other);
    if (difference > most || difference == length || (names->nearest[0] && difference >= names->difference))
        return;
    names->difference = difference;
    memcpy(names->nearest, name, other + 1);
}

void hd_suggestion_add(hd_suggestion *names, const char *name) {
    size_t used = strlen(names->text), room = sizeof names->text - QUESTION - used;
    if (strlen(name) + 2 < room) snprintf(names->text + used, room, "%s%s", used ? ", " : "", name);
    hd_suggestion_consider(names, name);
}

const char *hd_suggestion_text(hd_suggestion *names) {
    size_t used = strlen(names->text);
    if (names->nearest[0])
        snprintf(names->text + used, sizeof names->text - used, "%sdid you mean '%s'?", used ? "; " : "",
                 names->nearest);
    return names->text;
}
