#include "statistics/simulation/nights.h"

#include "statistics/statistics.h"

#include <math.h>

#define CORRELATION 0.3

/* A uniform number between 0 and 1, which it never is. */
static double uniform(hd_mt19937 *generator) {
    return ((double)hd_mt19937_word(generator) + 0.5) * 0x1p-32;
}

static double student_3(hd_mt19937 *generator) {
    double z = hd_normal(generator), squares = 0;
    for (int i = 0; i < 3; i++) squares += pow(hd_normal(generator), 2);
    return z / sqrt(squares / 3);
}

/* One night's cost without events. `own` is the series' own spread, *last the noise of the night before. */
static double undisturbed(const hd_nights *nights, hd_mt19937 *generator, double own, double *last) {
    switch (nights->noise) {
    case HD_NOISE_NORMAL:
        return exp(nights->size * hd_normal(generator));
    case HD_NOISE_HEAVY:
        return exp(nights->size * student_3(generator));
    case HD_NOISE_SKEWED:
        return 1 + nights->size * exp(hd_normal(generator));
    case HD_NOISE_OWN:
        return exp(nights->size * own * hd_normal(generator));
    case HD_NOISE_MIXED:
        return exp(nights->size * (uniform(generator) < 0.5 ? 0.25 : 4) * hd_normal(generator));
    case HD_NOISE_COARSE:
        return round(exp(nights->size * hd_normal(generator)) / nights->size) * nights->size;
    case HD_NOISE_CORRELATED:
        *last = CORRELATION * *last + sqrt(1 - CORRELATION * CORRELATION) * hd_normal(generator);
        return exp(nights->size * *last);
    }
    return NAN;
}

void hd_nights_draw(const hd_nights *nights, hd_mt19937 *generator, double *value) {
    double own = pow(4, 2 * uniform(generator) - 1), last = hd_normal(generator);
    for (size_t i = 0; i < nights->count; i++) {
        value[i] = undisturbed(nights, generator, own, &last);
        if (i >= nights->from && i < nights->until)
            value[i] *= (1 + nights->step) * pow(1 + nights->drift, (double)(i - nights->from));
        if (i % 7 >= 5) value[i] *= 1 + nights->weekend;
        if (nights->missing > 0 && uniform(generator) < nights->missing) value[i] = NAN;
    }
}
