/* Simulated histories: nights of a cost with known changes. */
#ifndef HD_STATISTICS_SIMULATION_NIGHTS_H
#define HD_STATISTICS_SIMULATION_NIGHTS_H

#include "arithmetic/random.h"

#include <stddef.h>

typedef enum hd_noise {
    HD_NOISE_NORMAL, /* exp(size z), z standard normal */
    HD_NOISE_HEAVY,  /* exp(size t), Student's t with three degrees of freedom: some outliers */
    HD_NOISE_SKEWED, /* 1 + size exp(z): never faster, sometimes much slower */
    HD_NOISE_OWN,    /* exp(size s z), s log-uniform in 1/4 .. 4, one for each series, as if its machine's */
    HD_NOISE_MIXED,  /* exp(size s z), s 1/4 or 4, drawn each night, as if on one of two machines */
    HD_NOISE_COARSE, /* exp(size z), to the nearest multiple of size: many nights are equal */
    HD_NOISE_CORRELATED, /* exp(size a_t), a_t = 0.3 a_{t-1} + sqrt(1 - 0.09) z: not exchangeable */
} hd_noise;

/* A cost of 1, times noise, times events. */
typedef struct hd_nights {
    hd_noise noise;
    double size; /* of the noise */
    size_t count;
    size_t from, until; /* nights from .. until - 1 */
    double step;        /* are multiplied by 1 + step, */
    double drift;       /* and by 1 + drift for each night since `from` */
    double weekend;     /* two nights of seven are multiplied by 1 + weekend */
    double missing;     /* share of the nights without a value */
} hd_nights;

/* Draws value[nights->count]; NaN: no value. */
void hd_nights_draw(const hd_nights *nights, hd_mt19937 *generator, double *value);

#endif
