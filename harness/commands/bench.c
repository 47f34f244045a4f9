/* hyperdrift bench: time and memory of a hyper-iteration, and the time that its matrix products alone would
 * take. */
#include "base/process.h"
#include "base/terminal.h"
#include "commands/commands.h"
#include "core/clock.h"
#include "device/overlay/overlay.h"
#include "run/loaded_experiment.h"
#include "run/provenance.h"
#include "statistics/statistics.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_GROUPS = 64, REPLAYS = 15 };

/* The products of one call of multiply, for all calls with the same shapes. */
typedef struct hd_group {
    hd_product *products; /* the first call's, owned; its arrays are the engine's */
    size_t count, calls;
} hd_group;

/* An overlay that records the products. */
typedef struct hd_recorder {
    hd_overlay overlay; /* first */
    hd_group group[MAX_GROUPS];
    size_t groups;
    bool recording, incomplete;
} hd_recorder;

static const char name[] = "products";

static bool same_shapes(const hd_group *group, size_t count, const hd_product *products) {
    if (group->count != count) return false;
    for (size_t i = 0; i < count; i++) {
        const hd_product *a = &group->products[i], *b = &products[i];
        if (a->m != b->m || a->n != b->n || a->terms != b->terms || a->accumulate != b->accumulate)
            return false;
        for (size_t t = 0; t < a->terms; t++)
            if (a->term[t].k != b->term[t].k || a->term[t].a.transposed != b->term[t].a.transposed ||
                a->term[t].b.transposed != b->term[t].b.transposed ||
                a->term[t].a.batch != b->term[t].a.batch)
                return false;
    }
    return true;
}

static void record(hd_recorder *r, size_t count, const hd_product *products) {
    for (size_t g = 0; g < r->groups; g++)
        if (same_shapes(&r->group[g], count, products)) {
            r->group[g].calls++;
            return;
        }
    hd_group group = {r->groups < MAX_GROUPS ? malloc(count * sizeof *products) : NULL, count, 1};
    r->incomplete |= !group.products;
    if (!group.products) return;
    memcpy(group.products, products, count * sizeof *products);
    r->group[r->groups++] = group;
}

static void multiply(hd_device *device, size_t count, const hd_product *products) {
    hd_recorder *r = hd_overlay_of(device, name);
    r->overlay.under->multiply(device, count, products);
    if (r->recording) record(r, count, products);
}

/* The seconds that the recorded products take alone: each group's median, times its calls. */
static double alone(hd_device *device, const hd_recorder *r) {
    double sum = 0;
    for (size_t g = 0; g < r->groups; g++) {
        double seconds[REPLAYS];
        for (size_t i = 0; i < REPLAYS; i++) {
            double start = hd_clock();
            r->overlay.under->multiply(device, r->group[g].count, r->group[g].products);
            r->overlay.under->settle(device);
            seconds[i] = hd_clock() - start;
        }
        sum += hd_median(seconds, REPLAYS) * (double)r->group[g].calls;
    }
    return sum;
}

typedef struct hd_benched {
    const hd_request *request;
    const hd_loaded_experiment *loaded;
    const char *device;
    hd_mode mode;
} hd_benched;

/* Runs one hyper-iteration to warm up, then `repeat` times, each time followed by its products alone. */
static hd_status measure(void *context, hd_error *error) {
    const hd_benched *benched = context;
    const hd_experiment *e = &benched->loaded->experiment;
    size_t repeat = benched->request->repeat;
    hd_device *device = NULL;
    hd_recorder *recorder = NULL; /* the device's */
    hd_setup setup = {0};
    hd_engine *engine = NULL;
    hd_result result = {0};
    double value[HD_MAX_HYPERS], *seconds = calloc(2 * repeat, sizeof *seconds);
    for (size_t j = 0; j < e->hypers; j++) value[j] = (double)e->value[j];
    hd_status status = seconds ? HD_OK : hd_fail(error, HD_UNAVAILABLE, "no memory");
    if (status == HD_OK)
        status = hd_run_device(e, benched->device, &benched->request->device, &device, error);
    if (status == HD_OK && !(recorder = hd_overlay_lay(device, sizeof *recorder, name, error)))
        status = HD_UNAVAILABLE;
    if (status == HD_OK) status = hd_setup_create(&setup, e, &benched->loaded->dataset, 0, error);
    if (status == HD_OK) status = hd_engine_create(device, &setup.problem, benched->mode, &engine, error);
    if (status != HD_OK) goto out;
    hd_point point = {.hyper = value};
    hd_setup_start(&setup, 0, &point);
    recorder->overlay.over.multiply = multiply;
    recorder->recording = true;
    status = hd_engine_run(engine, &point, NULL, &result, error);
    recorder->recording = false;
    if (status == HD_OK && recorder->incomplete)
        status = hd_fail(error, HD_UNAVAILABLE, "%s: too many kinds of products to record", e->name);
    double *total = seconds, *products = seconds + repeat, operations = result.operations;
    for (size_t i = 0; status == HD_OK && i < repeat; i++) {
        status = hd_engine_run(engine, &point, NULL, &result, error);
        total[i] = result.seconds.total;
        products[i] = alone(device, recorder);
    }
    if (status != HD_OK) goto out;
    double whole = hd_median(total, repeat), bare = hd_median(products, repeat);
    printf("{\"experiment\": \"%s\", \"mode\": \"%s\", \"device\": \"%s\", \"arithmetic\": \"%s\", "
           "\"kernels\": \"%s\", \"threads\": %zu, \"seconds\": %.4f, \"products_alone\": %.4f, "
           "\"share_of_product_rate\": %.3f, \"gflops\": %.1f, \"products_gflops\": %.1f, "
           "\"state_mb\": %.3f, \"peak_mb\": %.1f}\n",
           e->name, hd_mode_name(benched->mode), device->name, device->arithmetic, device->kernels,
           device->threads, whole, bare, bare / whole, operations / whole * 1e-9, operations / bare * 1e-9,
           (double)result.state_bytes / 1048576, (double)hd_provenance_peak_bytes() / 1048576);
out:
    for (size_t g = 0; recorder && g < recorder->groups; g++) free(recorder->group[g].products);
    hd_engine_destroy(engine);
    hd_setup_free(&setup);
    hd_device_close(device);
    free(seconds);
    return status;
}

/* Runs each mode in a process of its own, for its peak memory. */
static hd_status bench(const hd_request *request, const hd_loaded_experiment *loaded) {
    hd_status worst = HD_OK;
    hd_error error;
    for (const char *const *device = request->devices; *device; device++)
        for (int m = 0; m < 2; m++) {
            hd_benched benched = {request, loaded, *device, (hd_mode)m};
            if (request->mode[m] &&
                hd_process_run(loaded->experiment.name, measure, &benched, &error) != HD_OK)
                worst = hd_terminal_complain(worst, &error);
        }
    return worst;
}

hd_status hd_command_bench(const hd_options *options) {
    hd_status worst = HD_OK;
    hd_error error;
    for (size_t i = 0; i < options->word_count; i++) {
        hd_loaded_experiment loaded;
        hd_status status =
            hd_loaded_experiment_open(options->words[i], &options->request, NULL, &loaded, &error);
        status = status == HD_OK ? bench(&options->request, &loaded) : hd_terminal_complain(HD_OK, &error);
        if (status > worst) worst = status;
        hd_loaded_experiment_close(&loaded);
    }
    return worst;
}
