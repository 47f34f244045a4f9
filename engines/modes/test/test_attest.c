/* Reverse mode checks that its backward sweep met what its forward sweep had met. */
#include "device/overlay/overlay.h"
#include "test/small_problem.h"

static const recipe usual = {3, {14, 8, 7, 3}, 6, 6, 45, 25, 20, 0.15, 0.5, 0.001, 0.005, false, 5};
static const char *const devices[] = {"cpu", "reference"};

/* A batch is stale: load number `which` gives the batch of the step before. */
typedef struct stale {
    hd_overlay overlay;
    size_t loads, which;
} stale;

static void batch_load(hd_device *device, hd_batch *batch, const hd_examples *examples, const uint32_t *index,
                       size_t first, size_t rows) {
    stale *s = hd_overlay_of(device, "stale");
    if (index && s->loads++ == s->which) index -= rows;
    s->overlay.under->batch_load(device, batch, examples, index, first, rows);
}

static hd_status run_with_stale_batch(const char *name, hd_mode mode, size_t which,
                                      const hd_observer *observer, hd_error *error) {
    small_problem *p = make_problem(&usual);
    hd_device *device = open_device(name, (hd_device_options){.threads = 1});
    hd_engine *engine = NULL;
    hd_result result;
    stale *s = hd_overlay_lay(device, sizeof *s, "stale", error);
    cr_assert(s);
    s->overlay.over.batch_load = batch_load;
    s->which = which;
    *error = (hd_error){.message = ""};
    hd_status status = hd_engine_create(device, &p->problem, mode, &engine, error);
    if (status == HD_OK) status = hd_engine_run(engine, &p->point, observer, &result, error);
    hd_engine_destroy(engine);
    hd_device_close(device);
    free_problem(p);
    return status;
}

static void expect_step(const char *message, const char *step) {
    cr_expect(strstr(message, step) && strstr(message, "two sweeps"), "no '%s' in: %s", step, message);
}

Test(attest, a_stale_batch_on_the_way_out_ends_a_reverse_run_with_its_step) {
    hd_error error;
    for (size_t d = 0; d < 2; d++) {
        cr_expect_eq(run_with_stale_batch(devices[d], HD_REVERSE, 3, NULL, &error), HD_DIFFERENT);
        expect_step(error.message, "step 3");
    }
}

/* Six steps, then the training accuracy's batch, then back from step 5: load 8 is step 4's. */
Test(attest, a_stale_batch_on_the_way_back_ends_a_reverse_run_with_its_step) {
    hd_error error;
    for (size_t d = 0; d < 2; d++) {
        cr_expect_eq(run_with_stale_batch(devices[d], HD_REVERSE, 8, NULL, &error), HD_DIFFERENT);
        expect_step(error.message, "step 4");
    }
}

Test(attest, sweeps_that_agree_pass) {
    hd_error error;
    for (size_t d = 0; d < 2; d++)
        cr_expect_eq(run_with_stale_batch(devices[d], HD_REVERSE, SIZE_MAX, NULL, &error), HD_OK, "%s",
                     error.message);
}

static bool see(void *context, const hd_view *view) {
    *(size_t *)context += view->back;
    return true;
}

Test(attest, who_looks_on_is_shown_such_a_run_to_its_end) {
    size_t shown = 0;
    hd_error error;
    hd_observer observer = {.wants = 1u << HD_ERROR, .seen = see, .context = &shown};
    cr_expect_eq(run_with_stale_batch("cpu", HD_REVERSE, 3, &observer, &error), HD_OK, "%s", error.message);
    cr_expect_eq(shown, usual.steps);
}
