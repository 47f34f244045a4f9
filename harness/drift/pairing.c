#include "drift/pairing.h"

#include "statistics/statistics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATE, STATE_MOMENTUM, ADJOINT, ADJOINT_MOMENTUM, TRAJECTORIES };

typedef struct hd_pairer {
    hd_pairing *pairing;
    const hd_experiment *experiment;
    size_t weights;
    void *kept[TRAJECTORIES]; /* [steps + 1][weights], of the elements of the reverse run: */
    bool float32, no_memory;
    double *direct; /* [steps][hypers]: p_{s+1} . B_s */
    double values[HD_MAX_HYPERS];
    hd_error *error;
} hd_pairer;

/* Element i of what was kept of state t. */
static double kept(const hd_pairer *r, size_t which, size_t t, size_t i) {
    size_t at = t * r->weights + i;
    return r->float32 ? (double)((const float *)r->kept[which])[at] : ((const double *)r->kept[which])[at];
}

/* --- the reverse run --- */

static double sign(double x) {
    return x > 0 ? 1 : x < 0 ? -1 : 0;
}

/* p_{s+1} . B_s of every hyperparameter; value holds the hyperparameters' values. */
static void pair_directly(hd_pairer *r, size_t s) {
    const hd_experiment *e = r->experiment;
    size_t n = r->weights;
    double eta = 0, by_layer[2][HD_MAX_LAYERS] = {{0}}, by_eta = 0, by_mu = 0;
    for (size_t j = 0; j < e->hypers; j++)
        if (e->hyper[j].kind == HD_ETA) eta = r->values[j];
    for (size_t i = 0, layer = 0, end = e->dims[0] * e->dims[1]; i < n; i++) {
        double w = kept(r, STATE, s, i), p_w = kept(r, ADJOINT, s + 1, i);
        double q = kept(r, ADJOINT_MOMENTUM, s + 1, i) - eta * p_w;
        while (layer < e->layers && i == end)
            layer++, end += layer < e->layers ? e->dims[layer] * e->dims[layer + 1] : n;
        if (layer < e->layers) {
            by_layer[0][layer] += q * sign(w);
            by_layer[1][layer] += q * 2 * w;
        }
        by_eta -= p_w * kept(r, STATE_MOMENTUM, s + 1, i);
        by_mu += q * kept(r, STATE_MOMENTUM, s, i);
    }
    for (size_t j = 0; j < e->hypers; j++) {
        hd_hyperparameter h = e->hyper[j];
        r->direct[s * e->hypers + j] = h.kind == HD_ETA  ? by_eta
                                       : h.kind == HD_MU ? by_mu
                                                         : by_layer[h.kind == HD_RHO_L2][h.layer];
    }
}

static bool keep(void *context, const hd_capture_reader *reader) {
    hd_pairer *r = context;
    const hd_place *place = &reader->head.place;
    if (place->tensor == HD_HYPERPARAMETERS && place->iteration + 1u == r->pairing->iteration)
        for (size_t j = 0; j < r->pairing->hypers; j++) r->values[j] = hd_capture_element(reader, j);
    if (place->iteration != r->pairing->iteration || place->tensor > HD_ADJOINT_MOMENTUM) return true;
    size_t which = place->tensor == HD_WEIGHTS           ? STATE
                   : place->tensor == HD_MOMENTUM_BUFFER ? STATE_MOMENTUM
                   : place->tensor == HD_ADJOINT         ? ADJOINT
                                                         : ADJOINT_MOMENTUM;
    size_t state = r->weights * (reader->head.float32 ? sizeof(float) : sizeof(double));
    r->float32 = reader->head.float32;
    if (!r->kept[which]) r->kept[which] = malloc((r->pairing->steps + 1) * state);
    r->no_memory = !r->kept[which];
    if (r->no_memory) return false;
    memcpy((char *)r->kept[which] + place->step * state, reader->values, state);
    if (place->tensor == HD_ADJOINT_MOMENTUM && place->step > 0) pair_directly(r, place->step - 1);
    return true;
}

/* --- the forward run --- */

static bool pair(void *context, const hd_capture_reader *reader) {
    hd_pairer *r = context;
    const hd_place *place = &reader->head.place;
    if (place->iteration != r->pairing->iteration || place->index >= r->pairing->hypers) return true;
    size_t p = place->tensor == HD_TANGENT ? ADJOINT : ADJOINT_MOMENTUM;
    double sum = 0;
    for (size_t i = 0; i < r->weights; i++) sum += kept(r, p, place->step, i) * hd_capture_element(reader, i);
    r->pairing->values[place->step * r->pairing->hypers + place->index] += sum;
    return true;
}

/* --- the whole --- */

/* Adds what is still to come to every p_t . Z_t, and looks for the largest jump. */
static hd_status conclude(hd_pairer *r) {
    hd_pairing *p = r->pairing;
    double largest[HD_MAX_HYPERS] = {0}, after[HD_MAX_HYPERS] = {0};
    for (size_t t = p->steps + 1; t-- > 0;)
        for (size_t j = 0; j < p->hypers; j++) {
            if (t < p->steps) after[j] += r->direct[t * p->hypers + j];
            double *value = &p->values[t * p->hypers + j];
            *value += after[j];
            largest[j] = fmax(largest[j], fabs(*value));
        }
    size_t count = p->steps * p->hypers;
    double *jumps = malloc((count + 1) * sizeof *jumps); /* never of no bytes */
    if (!jumps) return hd_fail(r->error, HD_UNAVAILABLE, "no memory for a pairing");
    for (size_t t = 0; t < p->steps; t++)
        for (size_t j = 0; j < p->hypers; j++) {
            size_t i = t * p->hypers + j;
            jumps[i] = largest[j] > 0 ? fabs(p->values[i + p->hypers] - p->values[i]) / largest[j] : 0;
            if (jumps[i] > p->jump) p->jump = jumps[i], p->jump_step = t, p->jump_hyper = j;
        }
    p->tremble = hd_median(jumps, count);
    free(jumps);
    return HD_OK;
}

hd_status hd_pairing_measure(const hd_variant *forward, const hd_variant *reverse, size_t iteration,
                             hd_pairing *pairing, hd_error *error) {
    static hd_variant out, back;
    const hd_experiment *e = &reverse->experiment;
    size_t weights = hd_weight_count(e->layers, e->dims);
    *pairing = (hd_pairing){.iteration = iteration, .steps = e->steps, .hypers = e->hypers};
    hd_pairer r = {.pairing = pairing, .experiment = e, .weights = weights, .error = error};
    for (size_t j = 0; j < e->hypers; j++) r.values[j] = (double)e->value[j];
    hd_status status = HD_OK;
    r.direct = calloc(e->steps * e->hypers + 1, sizeof *r.direct);
    pairing->values = calloc((e->steps + 1) * e->hypers + 1, sizeof *pairing->values);
    if (!r.direct || !pairing->values)
        status = hd_fail(error, HD_UNAVAILABLE, "%s: no memory for a pairing", e->name);
    if (status == HD_OK) status = hd_variant_comparable(forward, reverse, error);
    if (status == HD_OK) status = hd_variant_with(reverse, "mode", "reverse", &back, error);
    if (status == HD_OK) status = hd_variant_with(forward, "mode", "forward", &out, error);
    unsigned states = 1u << HD_WEIGHTS | 1u << HD_MOMENTUM_BUFFER | 1u << HD_ADJOINT |
                      1u << HD_ADJOINT_MOMENTUM | 1u << HD_HYPERPARAMETERS;
    if (status == HD_OK) status = hd_lockstep_read(&back, states, keep, &r, error);
    if (r.no_memory) status = hd_fail(error, HD_UNAVAILABLE, "%s: no memory for two trajectories", e->name);
    if (status == HD_OK)
        status = hd_lockstep_read(&out, 1u << HD_TANGENT | 1u << HD_TANGENT_MOMENTUM, pair, &r, error);
    if (status == HD_OK) status = conclude(&r);
    pairing->unit = r.float32 ? 0x1p-24 : 0x1p-53;
    for (size_t i = 0; i < TRAJECTORIES; i++) free(r.kept[i]);
    free(r.direct);
    return status;
}

bool hd_pairing_jumps(const hd_pairing *pairing) {
    return !(pairing->jump <= fmax(HD_JUMP * pairing->tremble, pairing->unit));
}

void hd_pairing_free(hd_pairing *pairing) {
    free(pairing->values);
    *pairing = (hd_pairing){.values = NULL};
}
