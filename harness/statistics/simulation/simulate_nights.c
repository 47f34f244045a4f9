/* Checks on simulated nights what statistics/level_change.h states: how often noise alone raises an alarm,
 * and how soon, where and how large jumps, drifts and reverted jumps are found. Seeds are fixed, so the
 * tables are the same on every machine. Each figure under "wanted" is a check: exit status 1 if one is
 * missed. */
#include "statistics/level_change.h"
#include "statistics/simulation/nights.h"
#include "statistics/statistics.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SERIES = 50, /* series of a nightly job, */
    COSTS = 3,   /* each with so many costs that vary */
    NIGHTS = 200,
    SHORTEST = 60,
    LONGEST = 730,
    HISTORIES = 60,
    TRIALS = 1000,
    SETTLED = 25,   /* a change comes after this many nights */
    UNSETTLED = 100 /* and at most so many more */
};

typedef struct tally {
    size_t passed, failed;
} tally;

/* Counts a check of the line being printed. */
static void want(tally *t, bool met, const char *missed) {
    t->passed += met;
    t->failed += !met;
    if (!met) printf("  FAILED: %s", missed);
}

/* Draws a series and finds its changes; the caller frees them. Ends the program without memory. */
static size_t draw(const hd_nights *nights, hd_mt19937 *generator, hd_level_change **found) {
    double value[LONGEST];
    size_t n;
    hd_error error;
    hd_nights_draw(nights, generator, value);
    if (hd_level_changes_find(value, nights->count, found, &n, &error) == HD_OK) return n;
    fprintf(stderr, "simulate-nights: %s\n", error.message);
    exit(HD_UNAVAILABLE);
}

/* --- noise alone --- */

static const struct noise {
    const char *name;
    hd_nights nights;
    size_t real;      /* real changes of a cost, no false alarms */
    const char *note; /* why it is not judged */
} noises[] = {
    {.name = "normal, 2 %", .nights = {.size = 0.02, .count = NIGHTS}},
    {.name = "normal, 10 %", .nights = {.size = 0.1, .count = NIGHTS}},
    {.name = "normal, 2 %, over two years", .nights = {.size = 0.02, .count = LONGEST}},
    {.name = "heavy tails (Student's t, 3), 2 %",
     .nights = {.noise = HD_NOISE_HEAVY, .size = 0.02, .count = NIGHTS}},
    {.name = "heavy tails, 10 %", .nights = {.noise = HD_NOISE_HEAVY, .size = 0.1, .count = NIGHTS}},
    {.name = "skewed (1 + 2 % lognormal)",
     .nights = {.noise = HD_NOISE_SKEWED, .size = 0.02, .count = NIGHTS}},
    {.name = "0.5 .. 8 %, each series its own",
     .nights = {.noise = HD_NOISE_OWN, .size = 0.02, .count = NIGHTS}},
    {.name = "0.5 or 8 %, by the night", .nights = {.noise = HD_NOISE_MIXED, .size = 0.02, .count = NIGHTS}},
    {.name = "2 % in steps of 2 %: many equal",
     .nights = {.noise = HD_NOISE_COARSE, .size = 0.02, .count = NIGHTS}},
    {.name = "normal, 2 %, a night in 4 missing", .nights = {.size = 0.02, .count = NIGHTS, .missing = 0.25}},
    {.name = "2 %, besides 20 % up, 15 nights, down",
     .nights = {.size = 0.02, .count = SHORTEST, .from = 30, .until = 45, .step = 0.2},
     .real = 2},
    {.name = "normal, 2 %, weekends 10 % less",
     .nights = {.size = 0.02, .count = NIGHTS, .weekend = -0.1},
     .note = "not exchangeable"},
    {.name = "correlated (AR 0.3), 2 %",
     .nights = {.noise = HD_NOISE_CORRELATED, .size = 0.02, .count = NIGHTS},
     .note = "not exchangeable"},
};

/* Counts false alarms per NIGHTS nights of SERIES series with COSTS costs, in [returned] histories. */
static size_t count_alarms(const struct noise *noise, uint32_t seed, double *alarms) {
    hd_mt19937 generator;
    size_t histories = HISTORIES * NIGHTS / noise->nights.count; /* the same number of nights in all */
    hd_mt19937_seed(&generator, seed);
    for (size_t h = 0; h < histories; h++) {
        size_t all = 0;
        for (size_t i = 0; i < SERIES * COSTS; i++) {
            hd_level_change *found;
            size_t n = draw(&noise->nights, &generator, &found);
            all += n > noise->real ? n - noise->real : 0;
            free(found);
        }
        alarms[h] = (double)all * NIGHTS / (double)noise->nights.count;
    }
    return histories;
}

static void noise_alone(tally *t) {
    double alarms[HISTORIES * NIGHTS / SHORTEST];
    printf("Noise alone: false alarms of %d series with %d costs each in %d nights, from %d times as many\n",
           SERIES, COSTS, NIGHTS, HISTORIES);
    printf("    %-38s %8s %15s %9s\n", "noise", "mean", "at most (99 %)", "a series");
    for (size_t r = 0; r < sizeof noises / sizeof *noises; r++) {
        size_t histories = count_alarms(&noises[r], (uint32_t)(100 + r), alarms);
        hd_summary s = hd_summarize(alarms, histories);
        double freedom = (double)histories - 1;
        double most = s.mean + hd_t_quantile(0.01, freedom) * s.deviation / sqrt(freedom + 1);
        printf("    %-38s %8.2f %15.2f %9.4f", noises[r].name, s.mean, most, s.mean / SERIES);
        if (noises[r].note)
            printf("  %s", noises[r].note);
        else
            want(t, most < 1, "not less than 1");
        putchar('\n');
    }
    printf("  wanted: less than 1 at most, where nights are exchangeable\n\n");
}

/* --- changes --- */

/* The results for TRIALS series with a change. */
typedef struct outcome {
    double nights[TRIALS]; /* from the change until it was found, both included; infinite: never */
    size_t placed, near;   /* placed on the right night; within one of it */
    size_t held;           /* the interval holds 1 + step */
} outcome;

static double percent(size_t n) {
    return 100.0 * (double)n / TRIALS;
}

static double found_within(const outcome *o, double nights) {
    size_t n = 0;
    for (size_t i = 0; i < TRIALS; i++) n += o->nights[i] <= nights;
    return percent(n);
}

/* A change of a series. */
typedef struct happening {
    const char *name;
    hd_nights event;
    size_t lasting; /* nights it lasts; 0: for good */
    double soon;    /* 95 % must be found within so many nights; 0: not judged */
} happening;

/* The first change found from `night` on that goes up (sign 1) or down (-1). */
static const hd_level_change *first_since(const hd_level_change *found, size_t n, size_t night, double sign) {
    for (const hd_level_change *c = found; c < found + n; c++)
        if (c->found >= night && sign * c->ratio > sign) return c;
    return NULL;
}

/* Draws series, each with the change on a night of its own, and looks for it in the 80 nights that follow; if
 * it does not last, for its end. */
static void try(const happening *row, uint32_t seed, outcome *o) {
    hd_nights nights = row->event;
    double sign = (nights.step + nights.drift > 0) == (row->lasting == 0) ? 1 : -1;
    hd_mt19937 generator;
    hd_mt19937_seed(&generator, seed);
    *o = (outcome){0};
    for (size_t i = 0; i < TRIALS; i++) {
        hd_level_change *found;
        nights.from = SETTLED + hd_mt19937_interval(&generator, UNSETTLED);
        size_t night = nights.from + row->lasting;
        nights.count = night + 80;
        nights.until = row->lasting ? night : nights.count;
        size_t n = draw(&nights, &generator, &found);
        const hd_level_change *c = first_since(found, n, night, sign);
        o->nights[i] = c ? (double)(c->found - night + 1) : INFINITY;
        if (c) {
            size_t off = c->at > night ? c->at - night : night - c->at;
            o->placed += off == 0;
            o->near += off <= 1;
            o->held += c->low <= 1 + nights.step && 1 + nights.step <= c->high;
        }
        free(found);
    }
}

static void print_heading(const char *what, const char *more) {
    printf("%s: found within so many nights, of %d series each\n", what, TRIALS);
    printf("    %-24s       5      10      20      40      80   median%s\n", "", more);
}

static void judge_row(tally *t, const happening *row, uint32_t seed, outcome *o) {
    try(row, seed, o);
    printf("    %-24s", row->name);
    for (size_t nights = 5; nights <= 80; nights *= 2) printf("%7.1f%%", found_within(o, (double)nights));
    printf("%9g", hd_median(o->nights, TRIALS));
    if (row->soon > 0) want(t, found_within(o, row->soon) >= 95, "found too late");
}

static void steps(tally *t) {
    static const happening rows[] = {
        {"+3 %", {.size = 0.02, .step = 0.03}, 0, 0},
        {"+5 %", {.size = 0.02, .step = 0.05}, 0, 20},
        {"-5 %", {.size = 0.02, .step = -0.05}, 0, 20},
        {"+10 %", {.size = 0.02, .step = 0.1}, 0, 5},
        {"-10 %", {.size = 0.02, .step = -0.1}, 0, 5},
        {"+20 %", {.size = 0.02, .step = 0.2}, 0, 5},
        {"-20 %", {.size = 0.02, .step = -0.2}, 0, 5},
        {"+10 %, noise of 1 %", {.size = 0.01, .step = 0.1}, 0, 5},
        {"+10 %, noise of 5 %", {.size = 0.05, .step = 0.1}, 0, 0},
    };
    static outcome o;
    print_heading("A change of level in normal noise of 2 %", "   placed within 1  interval holds");
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        judge_row(t, &rows[r], (uint32_t)(200 + r), &o);
        printf("%8.1f%%%8.1f%%%15.1f%%", percent(o.placed), percent(o.near), percent(o.held));
        if (rows[r].soon > 0) want(t, percent(o.held) >= 90, "intervals too narrow");
        if (rows[r].soon == 5) want(t, percent(o.near) >= 95, "badly placed");
        putchar('\n');
    }
    printf("  wanted: of 10 and 20 %% in noise of up to 2 %% 95 %% within 5 nights, of 5 %% within 20;\n"
           "  of the former 95 %% placed within one night; of all of these 90 %% of the intervals hold\n\n");
}

static void reverted(tally *t) {
    static const happening rows[] = {
        {"+5 % for 7 nights", {.size = 0.02, .step = 0.05}, 7, 0},
        {"+10 % for 7 nights", {.size = 0.02, .step = 0.1}, 7, 10},
        {"-10 % for 7 nights", {.size = 0.02, .step = -0.1}, 7, 10},
        {"+20 % for 7 nights", {.size = 0.02, .step = 0.2}, 7, 5},
        {"+10 % for 14 nights", {.size = 0.02, .step = 0.1}, 14, 10},
        {"+20 % for 14 nights", {.size = 0.02, .step = 0.2}, 14, 5},
    };
    static outcome o;
    print_heading("The end of a change that is reverted, in normal noise of 2 %", "");
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        judge_row(t, &rows[r], (uint32_t)(300 + r), &o);
        putchar('\n');
    }
    printf("  wanted: of 20 %% 95 %% within 5 nights, of 10 %% within 10\n\n");
}

static void drifts(tally *t) {
    static const happening rows[] = {
        {"+0.05 % a night", {.size = 0.02, .drift = 0.0005}, 0, 80},
        {"+0.1 % a night", {.size = 0.02, .drift = 0.001}, 0, 80},
        {"+0.2 % a night", {.size = 0.02, .drift = 0.002}, 0, 40},
        {"-0.2 % a night", {.size = 0.02, .drift = -0.002}, 0, 40},
        {"+0.5 % a night", {.size = 0.02, .drift = 0.005}, 0, 20},
    };
    static outcome o;
    print_heading("A drift in normal noise of 2 %", "");
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        judge_row(t, &rows[r], (uint32_t)(400 + r), &o);
        putchar('\n');
    }
    printf("  wanted: 95 %% within 80 nights of up to 0.1 %% a night, 40 of 0.2 %%, 20 of 0.5 %%\n\n");
}

/* --- outliers --- */

/* Whether a change is found within 25 nights from `night` on. */
static bool changes_at(const hd_nights *nights, hd_mt19937 generator, size_t night) {
    hd_level_change *found;
    size_t n = draw(nights, &generator, &found);
    bool any = false;
    for (size_t i = 0; i < n; i++) any |= found[i].found >= night && found[i].found < night + SETTLED;
    free(found);
    return any;
}

static void outliers(tally *t) {
    static const struct {
        const char *name;
        double step;
        size_t many;
        double most; /* percent */
    } rows[] = {{"one night, 3 times", 2, 1, 0.25},
                {"one night, half", -0.5, 1, 0.25},
                {"two nights, 3 times", 2, 2, 1},
                {"two nights, half", -0.5, 2, 1}};
    printf("Outliers in normal noise of 2 %%: series of %d in which they make a change that was not there "
           "without them\n",
           TRIALS);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        hd_nights event = {.size = 0.02};
        hd_mt19937 generator;
        size_t made = 0;
        for (uint32_t i = 0; i < TRIALS; i++) {
            hd_mt19937_seed(&generator, 500 + i);
            event.from = SETTLED + hd_mt19937_interval(&generator, UNSETTLED);
            event.until = event.from + rows[r].many;
            event.count = event.from + SETTLED;
            hd_nights without = event;
            event.step = rows[r].step;
            made += changes_at(&event, generator, event.from) && !changes_at(&without, generator, event.from);
            event.step = 0;
        }
        printf("    %-24s%7.2f%%", rows[r].name, percent(made));
        want(t, percent(made) <= rows[r].most, "too many");
        putchar('\n');
    }
    printf("  wanted: at most 0.25 %% of single ones, 1 %% of two in a row\n\n");
}

int main(void) {
    tally t = {0};
    noise_alone(&t);
    steps(&t);
    reverted(&t);
    drifts(&t);
    outliers(&t);
    printf("%zu passed, %zu failed, 0 skipped\n", t.passed, t.failed);
    return t.failed ? HD_DIFFERENT : HD_OK;
}
