/* The program keeps the promise of the exact arithmetic: the same bits with all kernels, all versions of the
 * loops and any number of threads. Each run is a process of its own, and reports what it ran with. */
#include "golden/golden.h"
#include "test/program.h"

#include <math.h>
#include <sched.h>

TestSuite(determinism, .init = folder_make, .fini = folder_remove);

static void load_golden(const char *experiment, size_t step, hd_golden *golden) {
    char path[128];
    hd_error error;
    snprintf(path, sizeof path, "golden/%s/step-%zu.json", experiment, step);
    cr_assert_eq(hd_golden_load(path, golden, &error), HD_OK, "%s", error.message);
}

/* The record's first figure whose bits are not the golden's; NULL: there is none. */
static const char *first_difference(json_t *record, const hd_bits *bits) {
    double number = json_real_value(json_object_get(record, "validation_error"));
    const char *sha256 = json_string_value(program_value(record, "weights.sha256"));
    json_t *hypers = json_object_get(record, "hyperparameters"), *hyper;
    size_t j;
    if (!sha256 || strcmp(sha256, bits->weights_sha256) != 0) return "weights";
    if (memcmp(&number, &bits->validation_error, sizeof number) != 0) return "validation_error";
    if (json_array_size(hypers) != bits->hypers || bits->hypers == 0) return "hyperparameters";
    json_array_foreach(hypers, j, hyper) {
        const hd_hyper *expected = &bits->hyper[j];
        const char *name = json_string_value(json_object_get(hyper, "name"));
        double value = json_number_value(json_object_get(hyper, "value"));
        double hypergradient = json_number_value(json_object_get(hyper, "hypergradient"));
        if (!name || strcmp(name, expected->name) != 0) return "a name";
        if (memcmp(&value, &expected->value, sizeof value) != 0) return "a value";
        if (memcmp(&hypergradient, &expected->hypergradient, sizeof value) != 0) return expected->name;
    }
    return NULL;
}

static const char *provenance(json_t *json, const char *key) {
    char path[64];
    snprintf(path, sizeof path, "records.0.provenance.%s", key);
    const char *text = json_string_value(program_value(json, path));
    cr_assert_not_null(text, "no %s", key);
    return text;
}

/* Judges the records on the program's standard output: `steps` hyper-iterations in both modes. */
static void expect_golden_bits(json_t *json, const char *experiment, size_t steps) {
    json_t *records = json_object_get(json, "records"), *record;
    size_t i;
    cr_assert_eq(json_array_size(records), 2 * steps);
    json_array_foreach(records, i, record) {
        hd_golden golden;
        const char *mode = json_string_value(json_object_get(record, "mode"));
        cr_assert_str_eq(mode, i % 2 ? "reverse" : "forward");
        cr_assert_eq(json_integer_value(json_object_get(record, "step")), (json_int_t)(i / 2));
        load_golden(experiment, i / 2, &golden);
        const char *difference = first_difference(record, &golden.exact[i % 2 ? HD_REVERSE : HD_FORWARD]);
        cr_expect_null(difference, "%s step %zu, %s: other bits in %s (kernels %s, loops %s)", experiment,
                       i / 2, mode, difference, provenance(json, "kernels"), provenance(json, "loops"));
        hd_golden_free(&golden);
    }
}

/* Runs an experiment in both modes and parses its output; skips the test if the processor cannot run it. */
static json_t *run(const char *experiment, const char *threads, size_t steps) {
    char iterations[64];
    snprintf(iterations, sizeof iterations, "experiment.hyper-iterations=%zu", steps);
    hyperdrift("run", experiment, "--json", "--threads", threads, "--set", iterations);
    if (program.status == 3 && strstr(program.err, "this processor cannot run them")) skip(program.err);
    cr_assert_eq(program.status, 0, "%d: %s", program.status, program.err);
    json_t *json = program_json();
    expect_golden_bits(json, experiment, steps);
    cr_expect_eq(json_integer_value(program_value(json, "records.0.provenance.threads")), atoi(threads));
    return json;
}

/* How many of threads[] to try: 2 needs two cores. */
static size_t thread_counts(void) {
    cpu_set_t set;
    cr_assert_eq(sched_getaffinity(0, sizeof set, &set), 0);
    return CPU_COUNT(&set) > 1 ? 2 : 1;
}
static const char *const threads[] = {"1", "2"};

static void run_with(const char *kernels, const char *loops, size_t steps) {
    static const char *const experiments[] = {"blobs-deep", "blobs-slices"};
    setenv("HYPERDRIFT_KERNELS", kernels, 1);
    setenv("HYPERDRIFT_LOOPS", loops, 1);
    for (size_t e = 0; e < 2; e++)
        for (size_t t = 0; t < thread_counts(); t++) {
            json_t *json = run(experiments[e], threads[t], steps);
            cr_expect_str_eq(provenance(json, "kernels"), kernels);
            cr_expect_str_eq(provenance(json, "loops"), loops);
            cr_expect_str_empty(provenance(json, "note"));
            json_decref(json);
        }
}

#define SAME_BITS(kernels, loops)                                                                            \
    Test(determinism, gives_the_same_bits_with_##kernels##_kernels_and_##loops##_loops) {                    \
        run_with(#kernels, #loops, 2);                                                                       \
    }
SAME_BITS(skx, avx512)
SAME_BITS(skx, avx2)
SAME_BITS(skx, baseline)
SAME_BITS(haswell, avx512)
SAME_BITS(haswell, avx2)
SAME_BITS(haswell, baseline)
SAME_BITS(zen2, avx512)
SAME_BITS(zen2, avx2)
SAME_BITS(zen2, baseline)
SAME_BITS(zen3, avx512)
SAME_BITS(zen3, avx2)
SAME_BITS(zen3, baseline)
SAME_BITS(own, avx512)
SAME_BITS(own, avx2)

/* They compute a thousandth of what vectors can. */
Test(determinism, gives_the_same_bits_with_own_kernels_and_baseline_loops) {
    setenv("HYPERDRIFT_KERNELS", "own", 1);
    setenv("HYPERDRIFT_LOOPS", "baseline", 1);
    json_t *json = run("blobs-logistic", "1", 3);
    cr_expect_str_eq(provenance(json, "kernels"), "own");
    cr_expect_str_eq(provenance(json, "loops"), "baseline");
    json_decref(json);
    json_decref(run("blobs-deep", "1", 1));
}

/* BLIS's portable kernels round products before they add them, and the self-test notices. */
Test(determinism, falls_back_to_its_own_loops_and_says_why) {
    setenv("HYPERDRIFT_KERNELS", "generic", 1);
    json_t *json = run("blobs-logistic", "1", 3);
    if (strcmp(provenance(json, "kernels"), "generic") != 0) {
        cr_expect_str_eq(provenance(json, "kernels"), "own");
        cr_expect(strstr(provenance(json, "note"), "'generic' kernels"), "%s", provenance(json, "note"));
    }
    json_decref(json);
}

Test(determinism, gives_the_same_bits_ten_times_over) {
    char first[32] = "";
    for (int i = 0; i < 10; i++) {
        json_t *json = run("blobs-deep", threads[thread_counts() - 1], 1);
        if (i == 0) snprintf(first, sizeof first, "%s", provenance(json, "kernels"));
        cr_expect_str_eq(provenance(json, "kernels"), first);
        json_decref(json);
    }
}

Test(determinism, lets_blis_arch_type_choose_the_kernels) {
    setenv("HYPERDRIFT_KERNELS", "haswell", 1);
    json_decref(run("blobs-logistic", "1", 1)); /* or skips */
    unsetenv("HYPERDRIFT_KERNELS");
    setenv("BLIS_ARCH_TYPE", "3", 1);
    json_t *json = run("blobs-deep", "1", 2);
    cr_expect_str_eq(provenance(json, "kernels"), "haswell");
    json_decref(json);
}

/* glibc's exp, log, fmaf and others have several versions too. */
Test(determinism, gives_the_same_bits_without_the_c_library_using_fma) {
    setenv("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-FMA,-FMA4,-AVX2,-AVX512F", 1);
    setenv("HYPERDRIFT_LOOPS", "baseline", 1);
    json_decref(run("blobs-deep", "1", 2));
    json_decref(run("blobs-slices", "1", 2));
    setenv("HYPERDRIFT_KERNELS", "own", 1);
    json_decref(run("blobs-logistic", "1", 1));
}

Test(determinism, gives_the_same_bits_however_openmp_is_told_to_run) {
    static const char *const variables[][2] = {
        {"OMP_NUM_THREADS", "1"}, {"OMP_THREAD_LIMIT", "1"}, {"OMP_DYNAMIC", "true"}};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        setenv(variables[i][0], variables[i][1], 1);
        json_decref(run("blobs-deep", threads[thread_counts() - 1], 1));
        unsetenv(variables[i][0]);
    }
}

/* --- planted changes of one unit in the last place --- */

Test(determinism, would_see_one_ulp_in_any_figure) {
    hd_golden golden;
    load_golden("blobs-logistic", 0, &golden);
    hyperdrift("run", "blobs-logistic", "--json", "--mode", "forward");
    cr_assert_eq(program.status, 0, "%s", program.err);
    json_t *json = program_json(), *record = program_value(json, "records.0");
    hd_bits *bits = &golden.exact[HD_FORWARD];
    cr_expect_null(first_difference(record, bits));
    double *const figures[] = {&bits->validation_error, &bits->hyper[0].value, &bits->hyper[0].hypergradient,
                               &bits->hyper[bits->hypers - 1].hypergradient};
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        double before = *figures[i];
        *figures[i] = (double)nextafterf((float)before, INFINITY);
        cr_expect_not_null(first_difference(record, bits), "figure %zu", i);
        *figures[i] = before;
    }
    bits->weights_sha256[5] ^= 1;
    cr_expect_str_eq(first_difference(record, bits), "weights");
    json_decref(json);
    hd_golden_free(&golden);
}

#define RECORD "blobs-deep/cpu/reverse/step-0.json"

/* Runs blobs-deep into the folder a, and returns its first record in reverse mode. */
static hd_record recorded(void) {
    char path[128];
    hd_error error;
    hd_record record;
    snprintf(path, sizeof path, "%s/a", folder);
    hyperdrift("run", "blobs-deep", "--mode", "reverse", "--quiet", "--out", path);
    cr_assert_eq(program.status, 0, "%s", program.err);
    snprintf(path, sizeof path, "%s/a/" RECORD, folder);
    cr_assert_eq(hd_record_load(path, true, &record, &error), HD_OK, "%s", error.message);
    return record;
}

/* Saves it as another's record; diff must then tell them apart in `quantity`, by one ulp. */
static void expect_seen(hd_record *planted, const char *quantity) {
    char a[128], b[128];
    hd_error error;
    snprintf(a, sizeof a, "%s/a/" RECORD, folder);
    snprintf(b, sizeof b, "%s/b", folder);
    cr_assert_eq(mkdir(b, 0777), 0);
    cr_assert_eq(hd_record_save(planted, b, &error), HD_OK, "%s", error.message);
    snprintf(b, sizeof b, "%s/b/step-0.json", folder);
    hyperdrift("diff", b, a);
    cr_expect_eq(program.status, 1, "%s", program.err);
    cr_expect(strstr(program.out, quantity), "no '%s' in: %s", quantity, program.out);
    const char *line = strstr(program.out, quantity);
    cr_expect(line && strstr(line, ", 1 ulp; "), "not one ulp: %s", program.out);
}

Test(determinism, would_see_one_ulp_in_one_weight_of_a_record) {
    hd_record record = recorded();
    hd_error error;
    double *weights = malloc(record.weights.count * sizeof *weights);
    cr_assert_not_null(weights);
    memcpy(weights, record.weights.values, record.weights.count * sizeof *weights);
    double *planted = &weights[19 * 37 + 5 * 23 + 7];
    *planted = (double)nextafterf((float)*planted, INFINITY);
    free(record.weights.values);
    record.weights.values = NULL;
    cr_assert_eq(hd_record_set_weights(&record, weights, &error), HD_OK, "%s", error.message);
    expect_seen(&record, "fail weights W_1 worst element W_1[5,7]");
    free(weights);
    hd_record_free(&record);
}

Test(determinism, would_see_one_ulp_in_one_hypergradient_of_a_record) {
    hd_record record = recorded();
    double *planted = &record.hyper[5].hypergradient;
    *planted = (double)nextafterf((float)*planted, INFINITY);
    expect_seen(&record, "fail hypergradient rho_l2_1");
    hd_record_free(&record);
}

Test(determinism, would_see_one_ulp_in_one_weight_in_a_check) {
    char path[128];
    hd_golden golden;
    hd_error error;
    program_own_root();
    load_golden("blobs-logistic", 0, &golden);
    golden.exact[HD_REVERSE].weights_sha256[0] ^= 1;
    snprintf(path, sizeof path, "%s/root/golden/blobs-logistic", folder);
    cr_assert_eq(hd_golden_save(&golden, path, &error), HD_OK, "%s", error.message);
    hyperdrift("check", "blobs-logistic");
    cr_expect_eq(program.status, 1, "%s", program.err);
    cr_expect(strstr(program.out, "fail bits weights"), "%s", program.out);
    cr_expect(strstr(program.out, " 1 failed"), "%s", program.out);
    hd_golden_free(&golden);
}
