#include "drift/pairing.h"

#include "base/process.h"
#include "devices.h"
#include "statistics/statistics.h"
#include "training/dynamics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { STATE, STATE_MOMENTUM, ADJOINT, ADJOINT_MOMENTUM, TRAJECTORIES };

typedef struct hd_pairer {
    hd_pairing *pairing;
    const hd_experiment *experiment;
    size_t weights;
    void *kept[TRAJECTORIES]; /* [steps + 1][weights], elements as the reverse run's */
    bool float32, no_memory;
    double *direct; /* [steps][hypers]: p_{s+1} . B_s, shared with the process that computes them */
    double values[HD_MAX_HYPERS];
    hd_error *error;
} hd_pairer;

/* Element i of what we kept of state t. */
static double kept(const hd_pairer *r, size_t which, size_t t, size_t i) {
    size_t at = t * r->weights + i;
    return r->float32 ? (double)((const float *)r->kept[which])[at] : ((const double *)r->kept[which])[at];
}

/* --- the reverse run --- */

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

/* --- what the hyperparameters add --- */

/* Copies what we kept of state t into a device's array. */
static hd_real *load(const hd_pairer *r, hd_device *device, size_t which, size_t t, hd_real *to) {
    size_t at = t * r->weights;
    if (r->float32)
        device->ops->upload(device, r->weights, (const float *)r->kept[which] + at, to);
    else
        device->ops->replace(device, r->weights, (const double *)r->kept[which] + at, to);
    return to;
}

/* Computes every p_{s+1} . B_s by the engine's own dynamics in float64. */
static hd_status pair_directly(void *context, hd_error *error) {
    const hd_pairer *r = context;
    const hd_experiment *e = r->experiment;
    const hd_problem problem = {.layers = e->layers, .dims = e->dims, .hyper = e->hyper, .hypers = e->hypers};
    hd_model model;
    hd_dynamics dynamics = {.model = NULL};
    hd_device *device;
    hd_status status = hd_device_open("reference", &(hd_device_options){.threads = 1}, &device, error);
    if (status != HD_OK) return status;
    hd_model_describe(&model, device, e->layers, e->dims);
    size_t count = (e->layers + 1) * HD_ADJOINT_SUMS;
    hd_real *room = device->ops->allocate(device, 6 * r->weights);
    double *sums = device->ops->allocate_sums(device, count);
    status = hd_dynamics_create(&dynamics, &model, &problem, error);
    if (status == HD_OK && !(room && sums))
        status = hd_fail(error, HD_UNAVAILABLE, "%s: no memory for a pairing", e->name);
    if (status != HD_OK) goto out;
    hd_real *at[6];
    for (size_t i = 0; i < 6; i++) at[i] = hd_at(device, room, i * r->weights);
    hd_dynamics_set(&dynamics, r->values);
    for (size_t s = 0; s < e->steps; s++) {
        hd_state state = {load(r, device, STATE, s, at[0]), load(r, device, STATE_MOMENTUM, s, at[1])};
        hd_state next = {NULL, load(r, device, STATE_MOMENTUM, s + 1, at[2])};
        hd_state p = {load(r, device, ADJOINT, s + 1, at[3]),
                      load(r, device, ADJOINT_MOMENTUM, s + 1, at[4])};
        device->ops->zero_sums(device, count, sums);
        hd_dynamics_adjoint(&dynamics, state, next, p, at[5], sums);
        hd_dynamics_collect(&dynamics, sums, r->direct + s * e->hypers);
    }
out:
    hd_dynamics_release(&dynamics);
    device->ops->release(device, sums);
    device->ops->release(device, room);
    hd_device_close(device);
    return status;
}

/* --- the whole --- */

/* Adds the sum over s >= t to every p_t . Z_t, and finds the largest jump. */
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
    double *jumps = malloc((count + 1) * sizeof *jumps); /* malloc(0) may be NULL */
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
    size_t room = e->steps * e->hypers * sizeof *r.direct;
    r.direct = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pairing->values = calloc((e->steps + 1) * e->hypers + 1, sizeof *pairing->values);
    if (r.direct == MAP_FAILED || !pairing->values)
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
    if (status == HD_OK) status = hd_process_run("pairing", pair_directly, &r, error);
    if (status == HD_OK) status = conclude(&r);
    pairing->unit = r.float32 ? 0x1p-24 : 0x1p-53;
    for (size_t i = 0; i < TRAJECTORIES; i++) free(r.kept[i]);
    if (r.direct != MAP_FAILED) munmap(r.direct, room);
    return status;
}

bool hd_pairing_jumps(const hd_pairing *pairing) {
    return !(pairing->jump <= fmax(HD_JUMP * pairing->tremble, pairing->unit));
}

void hd_pairing_free(hd_pairing *pairing) {
    free(pairing->values);
    *pairing = (hd_pairing){.values = NULL};
}
