#include "hyperopt.h"

#include "arithmetic/arithmetic.h"

#include <stdlib.h>

bool hd_hyperopt_create(hd_hyperopt *hyperopt, size_t count, float rate, bool nonnegative) {
    *hyperopt = (hd_hyperopt){.rate = rate, .nonnegative = nonnegative, .count = count};
    hyperopt->m = calloc(count, sizeof(float));
    hyperopt->v = calloc(count, sizeof(float));
    if (hyperopt->m && hyperopt->v) return true;
    hd_hyperopt_release(hyperopt);
    return false;
}

void hd_hyperopt_release(hd_hyperopt *hyperopt) {
    free(hyperopt->m);
    free(hyperopt->v);
    *hyperopt = (hd_hyperopt){0};
}

static float power_of_beta2(const hd_hyperopt *hyperopt) {
    float power = hd_power(0.999f, hyperopt->t);
    return hyperopt->titan_x && hyperopt->t <= 2 ? nextafterf(power, 0.0f) : power;
}

void hd_hyperopt_step(hd_hyperopt *hyperopt, const double *hypergradient, double *value) {
    hyperopt->t++;
    float scale = sqrtf(1.0f - power_of_beta2(hyperopt)) / (1.0f - hd_power(0.9f, hyperopt->t));
    for (size_t j = 0; j < hyperopt->count; j++) {
        float h = (float)hypergradient[j], *m = &hyperopt->m[j], *v = &hyperopt->v[j];
        *m = 0.9f * *m + 0.1f * h;
        *v = 0.999f * *v + 0.001f * (h * h);
        float next = (float)value[j] - hyperopt->rate * scale * *m / sqrtf(*v + 1e-8f);
        value[j] = (double)(hyperopt->nonnegative && next < 0.0f ? 0.0f : next);
    }
}
