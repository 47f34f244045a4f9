#include "build_info.h"
#include "run/record.h"
#include "run/run.h"
#include "test/folder.h"
#include "test/loaded.h"

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

static void end(void) {
    unload();
    folder_remove();
}

TestSuite(run, .init = folder_make, .fini = end);

static hd_job job_of(hd_mode mode, const char *device) {
    return (hd_job){.experiment = &experiment, .dataset = &dataset, .mode = mode, .device = device};
}

static hd_record loaded_record(const char *into, size_t step) {
    char path[PATH_MAX];
    hd_error error;
    hd_record record;
    cr_assert_eq(hd_run_record(into, step, path, &error), HD_OK);
    cr_assert_eq(hd_record_load(path, true, &record, &error), HD_OK, "%s", error.message);
    return record;
}

Test(run, puts_its_records_where_their_names_say) {
    loaded("blobs-logistic");
    static char into[PATH_MAX], expected[PATH_MAX];
    hd_error error;
    hd_job job = job_of(HD_REVERSE, "reference");
    cr_assert_eq(hd_run_folder(&job, folder, into, &error), HD_OK);
    snprintf(expected, sizeof expected, "%s/blobs-logistic/reference/reverse", folder);
    cr_expect_str_eq(into, expected);
    cr_assert_eq(hd_run(&job, into, &error), HD_OK, "%s", error.message);
    for (size_t k = 0; k < 3; k++) {
        hd_record record = loaded_record(into, k);
        cr_expect_str_eq(record.experiment, "blobs-logistic");
        cr_expect_eq(record.step, k);
        cr_expect_eq(record.mode, HD_REVERSE);
        cr_expect_str_eq(record.device, "reference");
        cr_expect_str_eq(record.arithmetic, "float64");
        cr_expect_str_eq(record.experiment_sha256, experiment.sha256);
        cr_expect_str_eq(record.data_sha256, dataset.sha256);
        cr_expect_eq(record.test.total, 100);
        cr_expect_eq(record.validation.total, 150);
        cr_expect_eq(record.training.total, 25);
        hd_record_free(&record);
    }
}

Test(run, keeps_arithmetics_apart) {
    static char into[PATH_MAX], expected[PATH_MAX];
    static const char *const tf32[][2] = {{"device.tf32=off", "cublas"}, {"device.tf32=on", "cublas-tf32"}};
    for (size_t i = 0; i < 2; i++) {
        hd_error error;
        loaded("blobs-logistic", "device.arithmetic=cublas", tf32[i][0]);
        hd_job job = job_of(HD_FORWARD, "cuda");
        cr_assert_eq(hd_run_folder(&job, folder, into, &error), HD_OK);
        snprintf(expected, sizeof expected, "%s/blobs-logistic/cuda-%s/forward", folder, tf32[i][1]);
        cr_expect_str_eq(into, expected);
        unload();
    }
}

Test(run, refuses_paths_that_are_too_long) {
    loaded("blobs-logistic");
    static char longest[PATH_MAX], into[PATH_MAX];
    hd_error error;
    memset(longest, 'x', sizeof longest - 1);
    hd_job job = job_of(HD_FORWARD, "cpu");
    cr_expect_eq(hd_run_folder(&job, longest, into, &error), HD_INVALID);
    cr_expect_eq(hd_run_record(longest, 0, into, &error), HD_INVALID);
}

Test(run, tells_what_it_cost_and_where_it_ran) {
    static const char *const keys[] = {"version", "commit", "compiler", "flags",  "blis",
                                       "kernels", "loops",  "cpu",      "system", "libc"};
    loaded("blobs-slices", "experiment.hyper-iterations=1");
    for (int m = 0; m < 2; m++) {
        hd_error error;
        hd_job job = job_of((hd_mode)m, "cpu");
        job.options.threads = 1;
        cr_assert_eq(hd_run(&job, folder, &error), HD_OK, "%s", error.message);
        hd_record record = loaded_record(folder, 0);
        /* a state is (w, m) of 300-40-6; forward keeps 1 + 6 of them, reverse 1 + 12 + 1 */
        cr_expect_eq(record.state_bytes,
                     (m == HD_FORWARD ? 7u : 14u) * 2 * (301 * 40 + 41 * 6) * sizeof(float));
        cr_expect_gt(record.peak_bytes, record.state_bytes);
        cr_expect_lt(record.peak_bytes, (size_t)500 << 20);
        /* of these only the trajectory is on the device: 2 states, or all of them */
        cr_expect_eq(record.data_bytes,
                     (m == HD_FORWARD ? 2u : 13u) * 2 * (301 * 40 + 41 * 6) * sizeof(float));
        cr_expect(record.device_bytes > record.data_bytes && record.device_bytes < record.peak_bytes);
        cr_expect_eq(record.launches, 0);
        cr_expect(record.seconds.total > 0 && record.operations > 1e6 && record.sgemm_rate > 0);
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
            cr_expect(json_string_length(json_object_get(record.provenance, keys[i])) > 0, "no %s", keys[i]);
        cr_expect_eq(json_integer_value(json_object_get(record.provenance, "threads")), 1);
        hd_record_free(&record);
    }
}

Test(run, gives_the_same_bits_with_one_thread_and_with_two) {
    cpu_set_t set;
    cr_assert_eq(sched_getaffinity(0, sizeof set, &set), 0);
    if (CPU_COUNT(&set) < 2) {
        end();
        cr_skip_test("there is only one core");
    }
    loaded("blobs-slices", "experiment.hyper-iterations=1");
    hd_error error;
    hd_record records[2];
    for (size_t i = 0; i < 2; i++) {
        hd_job job = job_of(HD_FORWARD, "cpu");
        job.options.threads = i + 1;
        cr_assert_eq(hd_run(&job, folder, &error), HD_OK, "%s", error.message);
        records[i] = loaded_record(folder, 0);
    }
    cr_expect_str_eq(records[1].weights.sha256, records[0].weights.sha256);
    for (size_t j = 0; j < records[0].hypers; j++)
        cr_expect_eq(records[1].hyper[j].hypergradient, records[0].hyper[j].hypergradient);
    hd_record_free(&records[0]);
    hd_record_free(&records[1]);
}

static void expect_failure(const hd_job *job, const char *into, hd_status expected, const char *cause) {
    hd_error error = {HD_OK, ""};
    cr_expect_eq(hd_run(job, into, &error), expected, "%s", error.message);
    cr_expect_eq(error.status, expected);
    cr_expect(strstr(error.message, cause), "no '%s' in: %s", cause, error.message);
    cr_expect_null(strchr(error.message, '\n'));
}

Test(run, brings_back_the_errors_of_its_process) {
    loaded("blobs-logistic", "hyperparameters.eta=1e30");
    hd_job job = job_of(HD_FORWARD, "cpu");
    expect_failure(&job, folder, HD_DIFFERENT,
                   "blobs-logistic forward, hyper-iteration 0: device cpu: step 1: weights");
    expect_failure(&job, "/dev/null/below", HD_UNAVAILABLE, "/dev/null");
    job.options.kernels = "nonsense";
    expect_failure(&job, folder, HD_INVALID, "kernels 'nonsense'");
    job = job_of(HD_FORWARD, "nonsense");
    expect_failure(&job, folder, HD_INVALID, "device 'nonsense'");
    job = job_of(HD_FORWARD, "cpu");
    job.options.threads = 60000;
    expect_failure(&job, folder, HD_UNAVAILABLE, "60000 threads");
    cr_expect_eq(folder_entries(), 0);
}

/* A file size limit kills the process if it does not ignore the signal. */
Test(run, says_so_when_its_process_is_killed) {
    loaded("blobs-logistic");
    hd_job job = job_of(HD_FORWARD, "cpu");
    signal(SIGXFSZ, SIG_DFL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){10, RLIM_INFINITY});
    expect_failure(
        &job, folder, HD_UNAVAILABLE,
        "blobs-logistic forward on cpu: its process ended without a result (File size limit exceeded)");
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
    char *record = folder_path("step-0.json");
    cr_expect_neq(access(record, F_OK), 0);
    free(record);
}

/* mnist-2017-cpu takes seconds, so the signal interrupts it. */
Test(run, leaves_nothing_behind_when_it_is_interrupted) {
    static const char *const signals[] = {"TERM", "INT", "HUP"};
    for (size_t i = 0; i < 3; i++) {
        char command[512];
        snprintf(command, sizeof command,
                 "TMPDIR=%s timeout --preserve-status -s %s 0.7 " HD_PROGRAM
                 " check mnist-2017-cpu -q >%s.out 2>&1",
                 folder, signals[i], folder);
        int how = system(command);
        cr_expect(WIFEXITED(how) && WEXITSTATUS(how) == 3, "%s: %d", signals[i], how);
        cr_expect_eq(folder_entries(), 0, "%s", signals[i]);
    }
    char output[64];
    snprintf(output, sizeof output, "%s.out", folder);
    remove(output);
}
