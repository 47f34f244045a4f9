#include "core/problem.h"

#include <stdio.h>

size_t hd_weight_count(size_t layers, const size_t *dims) {
    size_t count = 0;
    for (size_t l = 0; l < layers; l++) count += (dims[l] + 1) * dims[l + 1];
    return count;
}

const char *hd_hyperparameter_name(hd_hyperparameter h, char name[HD_NAME]) {
    static const char *const names[] = {"rho_l1", "rho_l2", "eta", "mu"}; /* by kind */
    if (h.kind == HD_ETA || h.kind == HD_MU)
        snprintf(name, HD_NAME, "%s", names[h.kind]);
    else
        snprintf(name, HD_NAME, "%s_%zu", names[h.kind], h.layer);
    return name;
}

const char *hd_weight_name(size_t layers, const size_t *dims, size_t i, char name[HD_WEIGHT_NAME]) {
    for (size_t l = 0; l < layers; i -= dims[l] * dims[l + 1], l++)
        if (i < dims[l] * dims[l + 1]) {
            snprintf(name, HD_WEIGHT_NAME, "W_%zu[%zu,%zu]", l, i / dims[l + 1], i % dims[l + 1]);
            return name;
        }
    for (size_t l = 0; l < layers; i -= dims[l + 1], l++)
        if (i < dims[l + 1]) {
            snprintf(name, HD_WEIGHT_NAME, "b_%zu[%zu]", l, i);
            return name;
        }
    snprintf(name, HD_WEIGHT_NAME, "beyond the last weight");
    return name;
}
