/* Reads a run's tensors in order and hands each to the equations of its kind. */
#include "residual/judgement.h"

#include "base/list.h"
#include "device/cpu/product.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- memory --- */

static double *allocate(hd_judgement *j, size_t count) {
    double *array = calloc(count + 1, sizeof *array);
    j->no_memory |= !array;
    return array;
}

static hd_estimate allocate_estimate(hd_judgement *j, size_t count) {
    return (hd_estimate){allocate(j, count), allocate(j, count)};
}

static void free_estimate(hd_estimate *estimate) {
    free(estimate->value);
    free(estimate->variance);
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

/* How many examples the run shows at a time, at most. */
static size_t most_rows(const hd_experiment *e) {
    return larger(e->batch, larger(e->validation, e->test) < HD_CAPTURE_ROWS ? larger(e->validation, e->test)
                                                                             : HD_CAPTURE_ROWS);
}

static void allocate_kept(hd_judgement *j, size_t rows, hd_examples_kept *kept) {
    const hd_experiment *e = j->experiment;
    for (size_t l = 0; l <= e->layers; l++) {
        kept->written.a[l] = kept->a[l] = allocate(j, rows * e->dims[l]);
        if (l > 0) kept->written.delta[l] = kept->delta[l] = allocate(j, rows * e->dims[l]);
    }
    kept->written.labels = kept->labels = calloc(rows, 1);
    kept->p = allocate_estimate(j, rows * e->dims[e->layers]);
    j->no_memory |= !kept->labels;
}

static void free_kept(hd_examples_kept *kept) {
    for (size_t l = 0; l <= HD_MAX_LAYERS; l++) free(kept->a[l]), free(kept->delta[l]);
    free(kept->labels);
    free_estimate(&kept->p);
}

static void allocate_examples(hd_judgement *j) {
    const hd_experiment *e = j->experiment;
    size_t rows = most_rows(e);
    allocate_kept(j, e->batch, &j->of_step);
    allocate_kept(j, rows, &j->of_set);
    for (size_t l = 1; l <= e->layers; l++) {
        j->along.a[l] = allocate_estimate(j, rows * e->dims[l]);
        j->along.delta[l] = allocate_estimate(j, rows * e->dims[l]);
    }
    j->ones = allocate(j, rows);
    j->all_errors = allocate(j, e->validation);
    j->along.ones = j->ones;
    for (size_t r = 0; !j->no_memory && r < rows; r++) j->ones[r] = 1;
}

static void allocate_states(hd_judgement *j) {
    const hd_experiment *e = j->experiment;
    const hd_capture_info *info = &j->reader->info;
    size_t n = j->network.weights, widest = n, rows = most_rows(e);
    for (size_t l = 0; l <= e->layers; l++) widest = larger(widest, rows * e->dims[l]);
    double **const vectors[] = {&j->w,     &j->m,     &j->w_before, &j->m_before, &j->gradient,
                                &j->w_now, &j->z_now, &j->p_w,      &j->p_m,      &j->p_now};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) *vectors[i] = allocate(j, n);
    for (size_t h = 0; info->mode == HD_FORWARD && h < e->hypers; h++) {
        j->z_w[h] = allocate(j, n);
        j->z_m[h] = allocate(j, n);
    }
    for (size_t i = 0; info->mode == HD_REVERSE && i < 2; i++) {
        j->trajectory[i] = malloc((e->steps + 1) * n * (info->float32 ? sizeof(float) : sizeof(double)));
        j->no_memory |= !j->trajectory[i];
    }
    j->is = allocate(j, larger(widest, HD_MAX_HYPERS));
    j->expected = allocate_estimate(j, larger(widest, HD_MAX_HYPERS));
    j->hvp = allocate_estimate(j, n);
    j->direction = allocate_estimate(j, n);
    j->validation_gradient = allocate_estimate(j, n);
}

static void release(hd_judgement *j) {
    double *const vectors[] = {j->is,    j->w,   j->m,   j->w_before, j->m_before, j->gradient,  j->w_now,
                               j->z_now, j->p_w, j->p_m, j->p_now,    j->ones,     j->all_errors};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) free(vectors[i]);
    for (size_t h = 0; h < HD_MAX_HYPERS; h++) free(j->z_w[h]), free(j->z_m[h]);
    for (size_t l = 0; l <= HD_MAX_LAYERS; l++) {
        free_estimate(&j->along.a[l]);
        free_estimate(&j->along.delta[l]);
    }
    for (size_t i = 0; i < 2; i++) free(j->trajectory[i]);
    free_kept(&j->of_step);
    free_kept(&j->of_set);
    hd_estimate *const estimates[] = {&j->expected, &j->hvp, &j->direction, &j->validation_gradient};
    for (size_t i = 0; i < sizeof estimates / sizeof *estimates; i++) free_estimate(estimates[i]);
    hd_estimator_free(&j->estimator);
    hd_setup_free(&j->setup);
    hd_dataset_free(&j->dataset);
}

/* --- beginning --- */

/* On a float32 device each hyperparameter is rounded to float32. */
void hd_judgement_begin(hd_judgement *j) {
    const hd_experiment *e = j->experiment;
    for (size_t h = 0; h < e->hypers; h++) {
        double x = j->reader->info.float32 ? (double)(float)j->value[h] : j->value[h];
        switch (e->hyper[h].kind) {
        case HD_RHO_L1:
            j->l1[e->hyper[h].layer] = x;
            break;
        case HD_RHO_L2:
            j->l2[e->hyper[h].layer] = x;
            break;
        case HD_ETA:
            j->eta = x;
            break;
        case HD_MU:
            j->mu = x;
        }
    }
    memset(j->direct, 0, sizeof j->direct);
    memset(j->direct_variance, 0, sizeof j->direct_variance);
    memset(j->leaning, 0, sizeof j->leaning);
    j->correct = 0;
}

static void describe_arithmetic(hd_judgement *j, const hd_variant *variant) {
    bool float32 = j->reader->info.float32;
    const char *arithmetic = j->experiment->arithmetic;
    j->estimator.unit = float32 ? 0x1p-24 : 0x1p-52; /* in float64 we err as much as the run does */
    j->estimator.tiny = float32 ? 0x1p-149 : 0x1p-1073;
    j->estimator.operand_unit = arithmetic && strstr(arithmetic, "tf32") ? 0x1p-11 : 0;
    if (variant->rounding) j->estimator.unit *= 3; /* random rounding adds up to a unit in the last place */
}

static hd_status start(hd_judgement *j, const hd_variant *variant, hd_error *error) {
    const hd_experiment *e = j->experiment = &variant->experiment;
    char chosen[32];
    hd_network_describe(&j->network, e->layers, e->dims);
    describe_arithmetic(j, variant);
    for (size_t h = 0; h < e->hypers; h++) j->value[h] = (double)e->value[h];
    hd_status status = hd_product_start(NULL, chosen, error);
    if (status == HD_OK) status = hd_problem_data(e, &j->dataset, error);
    if (status == HD_OK && strcmp(j->dataset.sha256, j->reader->info.data_sha256) != 0)
        status = hd_fail(error, HD_INVALID, "%s: made from other data than are here", j->reader->stream.name);
    if (status == HD_OK) status = hd_setup_create(&j->setup, e, &j->dataset, 0, error);
    if (status != HD_OK) return status;
    allocate_examples(j);
    allocate_states(j);
    if (j->no_memory) return hd_fail(error, HD_UNAVAILABLE, "%s: no memory to judge it", e->name);
    hd_judgement_begin(j);
    return HD_OK;
}

void hd_judgement_recall(const hd_judgement *j, size_t which, size_t t, double *to) {
    size_t n = j->network.weights;
    for (size_t i = 0; i < n; i++)
        to[i] = j->reader->info.float32 ? (double)((const float *)j->trajectory[which])[t * n + i]
                                        : ((const double *)j->trajectory[which])[t * n + i];
}

/* --- findings --- */

static void add_finding(hd_judgement *j, const hd_finding *finding) {
    hd_residuals *r = j->residuals;
    r->found++;
    if (r->kept == HD_MOST_FINDINGS) return;
    hd_finding *added = hd_list_add(&r->findings, &r->kept, sizeof *added);
    j->no_memory |= !added;
    if (added) *added = *finding;
}

static hd_leaning *leaning_of(hd_judgement *j, const hd_place *place, size_t part) {
    bool known = place->tensor < HD_CAPTURED && place->index < HD_LEANING_INDICES && part < HD_LEANING_PARTS;
    return known ? &j->leaning[place->tensor][place->index][part] : NULL;
}

/* Whether a tensor is a matrix product and little else, made from what the run wrote. */
static bool is_product(const hd_judgement *j, const hd_place *place) {
    return place->tensor == HD_ACTIVATION || place->tensor == HD_GRADIENT ||
           (place->tensor == HD_DELTA && place->index < j->network.layers);
}

static void measure_blocks(size_t count, const double *variance, float block[HD_BLOCKS]) {
    size_t length = hd_block_length(count);
    for (size_t b = 0; b * length < count; b++) {
        double sum = 0;
        for (size_t i = b * length; i < count && i < (b + 1) * length; i++) sum += variance[i];
        block[b] = (float)sqrt(sum);
    }
}

void hd_judgement_test(hd_judgement *j, const hd_place *place, const double *is, size_t count,
                       hd_estimate expected, double limit) {
    hd_tensor_part parts[HD_PARTS];
    size_t part_count = hd_place_parts(&j->reader->info, place, count, parts);
    hd_residual_size *size = hd_list_add(&j->residuals->sizes, &j->residuals->size_count, sizeof *size);
    if (!size) j->no_memory = true;
    if (size) size->place = *place;
    j->residuals->elements += (double)count;
    if (size) measure_blocks(count, expected.variance, size->block);
    for (size_t p = 0; p < part_count && p < HD_PARTS; p++) {
        hd_finding finding = {.place = *place, .part = parts[p]};
        hd_estimate of_part = {expected.value + parts[p].from, expected.variance + parts[p].from};
        hd_rounding_test_elements(parts[p].count, is + parts[p].from, of_part, limit, &finding.test);
        finding.odds = limit > 1 ? hd_rounding_odds(&finding.test, limit, j->residuals->elements) : -INFINITY;
        if (finding.test.excess) add_finding(j, &finding);
        hd_leaning *leaning = leaning_of(j, place, p);
        bool alike = hd_estimate_repetition(parts[p].count, 1, of_part.value) > 1; /* they err alike, too */
        if (leaning) leaning->least = is_product(j, place) ? HD_SUM_LEAN : HD_STEADY_LEAN;
        if (leaning && !finding.test.excess && !alike) hd_leaning_add(leaning, &finding.test);
        if (leaning) j->leaning_place[place->tensor][place->index] = *place;
        if (!size) continue;
        size->furthest = fmaxf(size->furthest, (float)finding.test.furthest);
        size->spread = fmaxf(size->spread, (float)finding.test.spread);
    }
}

/* After a hyper-iteration. */
static void find_leaning(hd_judgement *j) {
    for (size_t tensor = 0; tensor < HD_CAPTURED; tensor++)
        for (size_t index = 0; index < HD_LEANING_INDICES; index++)
            for (size_t p = 0; p < HD_LEANING_PARTS; p++) {
                const hd_leaning *leaning = &j->leaning[tensor][index][p];
                if (!hd_leaning_found(leaning)) continue;
                hd_tensor_part parts[HD_PARTS];
                hd_finding finding = {.place = j->leaning_place[tensor][index],
                                      .test.excess = HD_LEANING,
                                      .odds = NAN,
                                      .leaning_steps = leaning->steps,
                                      .leaning_mean = leaning->mean,
                                      .leaning_deviations = hd_leaning_deviations(leaning)};
                size_t count = hd_place_count(&j->reader->info, &finding.place);
                hd_place_parts(&j->reader->info, &finding.place, count, parts);
                finding.part = parts[p];
                add_finding(j, &finding);
            }
}

/* --- the whole --- */

/* Takes over what the reader has just read. */
static void convert(hd_judgement *j) {
    for (size_t i = 0; i < j->reader->head.count; i++) j->is[i] = hd_capture_element(j->reader, i);
}

static void look(hd_judgement *j) {
    convert(j);
    switch (j->reader->head.place.tensor) {
    case HD_WEIGHTS:
    case HD_MOMENTUM_BUFFER:
    case HD_TANGENT:
    case HD_TANGENT_MOMENTUM:
    case HD_ADJOINT:
    case HD_ADJOINT_MOMENTUM:
        hd_judge_state(j);
        break;
    case HD_EVALUATION:
    case HD_HYPERGRADIENTS:
        hd_judge_results(j);
        break;
    case HD_HYPERPARAMETERS:
        hd_judge_results(j);
        find_leaning(j);
        hd_judgement_begin(j);
        break;
    default:
        hd_judge_examples(j);
    }
    j->no_memory |= j->estimator.no_memory;
}

hd_status hd_residuals_judge(hd_capture_reader *reader, const hd_variant *variant, hd_residuals *residuals,
                             hd_error *error) {
    hd_judgement *j = calloc(1, sizeof *j);
    *residuals = (hd_residuals){.kept = 0};
    if (!j) return hd_fail(error, HD_UNAVAILABLE, "%s: no memory to judge it", reader->stream.name);
    j->reader = reader;
    j->residuals = residuals;
    hd_status status = start(j, variant, error);
    while (status == HD_OK) {
        status = hd_capture_read(reader, hd_capture_kinds(reader->info.mode), true, error);
        if (status != HD_OK || reader->ended) break;
        look(j);
        if (j->no_memory)
            status = hd_fail(error, HD_UNAVAILABLE, "%s: no memory to judge it", reader->stream.name);
    }
    release(j);
    free(j);
    return status;
}

void hd_residuals_free(hd_residuals *residuals) {
    free(residuals->findings);
    free(residuals->sizes);
    *residuals = (hd_residuals){.kept = 0};
}
