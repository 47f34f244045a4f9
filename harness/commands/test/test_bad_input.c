/* Bad input, through the program: one line that names file and cause, the right exit status, no crash, no
 * file left. */
#include "test/program.h"

#include <locale.h>

TestSuite(bad_input, .init = folder_make, .fini = folder_remove);

static int count_file(const char *path, const struct stat *is, int type, struct FTW *where) {
    (void)is, (void)where;
    cr_expect(type != FTW_F, "left: %s", path);
    return 0;
}

/* Expects no file below the folder of --out; the folder itself may be there. */
static void expect_nothing_left(void) {
    nftw(path_of("out"), count_file, 8, FTW_PHYS);
}

/* --- the data set --- */

#define IMAGES "train-images-idx3-ubyte"
#define LABELS "train-labels-idx1-ubyte"

static char content[1 << 17];

/* Makes a root whose fixtures/mnist links to the repository's files, except `name`. */
static void make_mnist_without(const char *name) {
    char command[512], path[64];
    program_own_root();
    snprintf(command, sizeof command,
             "mkdir %s/root/fixtures/mnist && ln -s \"$PWD\"/fixtures/mnist/* %s/root/fixtures/mnist", folder,
             folder);
    cr_assert_eq(system(command), 0);
    snprintf(path, sizeof path, "root/fixtures/mnist/%s.gz", name);
    cr_assert_eq(remove(path_of(path)), 0);
}

/* Reads the first bytes of the repository's file, gzipped as it is, into `content`. */
static size_t gzipped(const char *name) {
    char path[64];
    snprintf(path, sizeof path, "fixtures/mnist/%s.gz", name);
    return get_bytes(path, content, sizeof content);
}

static size_t plain_labels(void) {
    gzFile file = gzopen("fixtures/mnist/" LABELS ".gz", "rb");
    cr_assert_not_null(file);
    int size = gzread(file, content, sizeof content);
    gzclose(file);
    cr_assert_eq(size, 60008);
    return (size_t)size;
}

static void expect_refused(const char *name, size_t size, const char *cause) {
    char path[64];
    snprintf(path, sizeof path, "root/fixtures/mnist/%s", name);
    if (size) put_bytes(path_of(path), content, size);
    hyperdrift("run", "mnist-2017-cpu", "--out", path_of("out"));
    program_expect_failure(2, cause);
    cr_expect(strstr(program.err, name), "%s is not named: %s", name, program.err);
    cr_expect_str_empty(program.out);
    expect_nothing_left();
}

Test(bad_input, data_that_is_missing) {
    make_mnist_without(IMAGES);
    expect_refused(IMAGES, 0, "No such file");
}

Test(bad_input, gzipped_data_that_is_cut_short) {
    make_mnist_without(IMAGES);
    expect_refused(IMAGES ".gz", gzipped(IMAGES) / 2, "truncated");
}

Test(bad_input, gzipped_data_that_is_corrupt) {
    make_mnist_without(LABELS);
    size_t size = gzipped(LABELS);
    content[size / 2] ^= 4;
    expect_refused(LABELS ".gz", size, "not a valid gzip file");
}

Test(bad_input, data_named_gz_that_is_not_gzipped) {
    make_mnist_without(IMAGES);
    memset(content, 'x', 1000);
    expect_refused(IMAGES ".gz", 1000, "gzip");
}

Test(bad_input, plain_data_of_another_magic) {
    make_mnist_without(IMAGES);
    memset(content, 0, 1000);
    content[3] = 7;
    expect_refused(IMAGES, 1000, "magic");
}

Test(bad_input, plain_data_that_is_cut_short) {
    make_mnist_without(LABELS);
    expect_refused(LABELS, plain_labels() - 1, "truncated");
}

Test(bad_input, plain_data_with_more_behind_it) {
    make_mnist_without(LABELS);
    expect_refused(LABELS, plain_labels() + 1, "after");
}

Test(bad_input, data_that_is_not_what_was_published) {
    make_mnist_without(LABELS);
    size_t size = plain_labels();
    content[size - 1] = (char)((content[size - 1] + 1) % 10);
    expect_refused(LABELS, size, "SHA-256");
}

/* --- the experiment --- */

Test(bad_input, settings_that_cannot_be) {
    static const struct {
        const char *set, *cause;
    } wrong[] = {
        {"training.walk=1", "walk"},
        {"walk.steps=1", "walk"},
        {"training.steps", "training.steps"},
        {"training.optimizer=walk", "allowed: momentum"},
        {"training.steps=-1", "allowed"},
        {"training.steps=0", "allowed"},
        {"training.steps=37", "allowed: up to that many steps"},
        {"training.steps=99999999999999999999999", "allowed"},
        {"training.batch=601", "allowed"},
        {"training.batch=-33", "allowed"},
        {"training.epochs=99999999999", "allowed"},
        {"model.hidden=-3", "allowed"},
        {"model.hidden=0", "allowed"},
        {"model.hidden=99999999999", "allowed"},
        {"model.hidden=1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", "allowed"},
        {"model.fill=walk", "allowed: tf-cpu, tf-gpu-2017"},
        {"model.fill-race=1", "fill"},
        {"data.partitions=0.8,0.3", "allowed"},
        {"data.partitions=0.5", "allowed"},
        {"data.partitions=-0.5,0.3", "allowed"},
        {"data.partitions=nan,0.3", "allowed"},
        {"data.examples=-1", "allowed"},
        {"data.examples=99999999999999", "allowed"},
        {"data.classes=1", "allowed"},
        {"hyperparameters.eta=nan", "allowed"},
        {"hyperparameters.eta=1e99", "allowed"},
        {"hyperparameters.rho_l1=1,2", "allowed: 1 for all layers, or 4"},
        {"experiment.name=../../walk", "allowed"},
        {"experiment.seed=-1", "allowed"},
        {"experiment.hyper-iterations=1001", "allowed"},
        {"device.tf32=on", "allowed"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        hyperdrift("run", "blobs-deep", "--out", path_of("out"), "--set", wrong[i].set);
        program_expect_failure(2, wrong[i].cause);
        cr_expect(strstr(program.err, "--set"), "%s: %s", wrong[i].set, program.err);
        cr_expect_str_empty(program.out);
    }
    expect_nothing_left();
}

Test(bad_input, an_arithmetic_that_the_device_has_not) {
    hyperdrift("run", "blobs-deep", "--out", path_of("out"), "--set", "device.arithmetic=cublas");
    program_expect_failure(2, "device cpu: arithmetic cublas: allowed: exact");
    hyperdrift("check", "blobs-deep", "--device", "reference", "--quiet", "--set", "device.arithmetic=cublas",
               "--set", "device.tf32=on");
    program_expect_failure(2, "device reference: arithmetic cublas-tf32: allowed: float64");
    hyperdrift("bench", "blobs-deep", "--mode", "forward", "--set", "device.arithmetic=cublas");
    program_expect_failure(2, "device cpu: arithmetic cublas");
}

/* The machine decides which of the three is missing; if none is, the run must succeed. */
Test(bad_input, cublas_without_library_gpu_or_build) {
    hyperdrift("run", "blobs-logistic", "--device", "cuda", "--quiet", "--set", "device.arithmetic=cublas");
    if (program.status == 0) skip("this machine has cuBLAS and a GPU");
    program_expect_failure(3, "device cuda: ");
}

Test(bad_input, variables_that_change_cublas_unseen) {
    hyperdrift("run", "blobs-logistic", "--device", "cuda", "--quiet");
    if (strstr(program.err, "built without")) skip("the CUDA device is not built in");
    setenv("NVIDIA_TF32_OVERRIDE", "1", 1);
    hyperdrift("run", "blobs-logistic", "--device", "cuda", "--set", "device.arithmetic=cublas");
    program_expect_failure(2, "NVIDIA_TF32_OVERRIDE");
    cr_expect_str_empty(program.out);
}

static void expect_file_refused(const char *text, size_t size, const char *place, const char *cause) {
    put_bytes(path_of("bad.ini"), text, size);
    hyperdrift("run", path_of("bad.ini"), "--out", path_of("out"));
    program_expect_failure(2, cause);
    cr_expect(strstr(program.err, place), "no '%s' in: %s", place, program.err);
    expect_nothing_left();
}

Test(bad_input, experiments_that_are_none) {
    static const char section[] = "[walk]\nname = x\n", key[] = "[experiment]\nwalk = x\n",
                      unfinished[] = "[experiment\nname = x\n",
                      twice[] = "[experiment]\nname = x\nname = y\n", zero[] = "[experiment]\nname = \0\n";
    expect_file_refused(section, sizeof section - 1, "bad.ini:1: ", "allowed: experiment, data");
    expect_file_refused(key, sizeof key - 1, "bad.ini:2: ", "[experiment] has the keys name, seed");
    expect_file_refused(unfinished, sizeof unfinished - 1, "bad.ini:1", "bad.ini");
    expect_file_refused(twice, sizeof twice - 1, "bad.ini:3", "twice");
    expect_file_refused(zero, sizeof zero - 1, "bad.ini", "zero byte");
    expect_file_refused("", 0, "bad.ini", "required");
    hyperdrift("run", path_of("missing.ini"));
    program_expect_failure(2, "missing.ini: No such file");
    hyperdrift("run", "/");
    program_expect_failure(2, "/: ");
    hyperdrift("run", "blobs-walk");
    program_expect_failure(2, "no experiment 'blobs-walk'; allowed: a path, or one of blobs-deep");
    setenv("HYPERDRIFT_ROOT", path_of("nowhere"), 1);
    hyperdrift("check");
    program_expect_failure(2, "nowhere/fixtures: cannot list the experiments");
}

/* --- goldens --- */

#define GOLDEN "root/golden/blobs-logistic/step-0.json"

static void expect_golden_refused(const char *file, const char *cause) {
    hyperdrift("check", "blobs-logistic", "--mode", "forward", "--quiet", "--set",
               "experiment.hyper-iterations=1");
    program_expect_failure(2, cause);
    cr_expect(strstr(program.err, file), "no '%s' in: %s", file, program.err);
    cr_expect_str_eq(program.out, "0 passed, 1 failed, 0 skipped\n");
}

Test(bad_input, goldens_that_are_cut_short) {
    program_own_root();
    size_t size = get_bytes(path_of(GOLDEN), content, sizeof content);
    const size_t sizes[] = {0, 1, size / 2, size - 3};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        put_bytes(path_of(GOLDEN), content, sizes[i]);
        expect_golden_refused("step-0.json", "near end of file");
    }
}

/* Any figure: the golden has a checksum. */
Test(bad_input, goldens_that_were_edited) {
    program_own_root();
    size_t size = get_bytes(path_of(GOLDEN), content, sizeof content - 1);
    content[size] = '\0';
    char *digit = strstr(content, "\"validation_error\": 0.");
    cr_assert_not_null(digit);
    digit += strlen("\"validation_error\": 0.");
    *digit = *digit == '9' ? '8' : (char)(*digit + 1);
    put_bytes(path_of(GOLDEN), content, size);
    expect_golden_refused("step-0.json", "sha256");
}

Test(bad_input, goldens_whose_weights_are_others) {
    program_own_root();
    const char *weights = path_of("root/golden/blobs-logistic/step-0.weights.npy.gz");
    size_t size = get_bytes(weights, content, sizeof content);
    put_bytes(weights, content, size / 2);
    expect_golden_refused("step-0.weights.npy.gz", "truncated");
    weights = path_of("root/golden/blobs-logistic/step-0.weights.npy.gz");
    size = get_bytes(path_of("root/golden/blobs-logistic/step-1.weights.npy.gz"), content, sizeof content);
    put_bytes(weights, content, size);
    expect_golden_refused("step-0.weights.npy.gz", "has the SHA-256 ");
    cr_assert_eq(remove(path_of("root/golden/blobs-logistic/step-0.weights.npy.gz")), 0);
    expect_golden_refused("step-0.weights.npy.gz", "No such file");
}

Test(bad_input, a_trace_of_2017_that_is_not_whole) {
    program_own_root();
    char command[256];
    snprintf(command, sizeof command, "cp -R golden/trace-2017 %s && echo { >%s", path_of("root/golden"),
             path_of("root/golden/trace-2017/07.json"));
    cr_assert_eq(system(command), 0);
    hyperdrift("check", "blobs-logistic", "--mode", "forward", "--quiet");
    program_expect_failure(2, "golden/trace-2017/07.json");
}

/* --- records --- */

Test(bad_input, records_that_were_spoiled) {
    hyperdrift("run", "blobs-logistic", "--mode", "forward", "--quiet", "--out", path_of("a"));
    cr_assert_eq(program.status, 0, "%s", program.err);
#define RECORD "a/blobs-logistic/cpu/forward/step-0.json"
    size_t size = get_bytes(path_of(RECORD), content, sizeof content);
    put_bytes(path_of("cut.json"), content, size / 2);
    hyperdrift("diff", path_of(RECORD), path_of("cut.json"));
    program_expect_failure(2, "cut.json");
    put_bytes(path_of("alone.json"), content, size); /* its weights are not beside it */
    hyperdrift("diff", path_of("alone.json"), path_of(RECORD));
    program_expect_failure(2, "step-0.weights.npy.gz");
    put_bytes(path_of("cut.npy"), "\x93NUMPY", 6);
    hyperdrift("diff", path_of("cut.npy"), path_of("cut.npy"));
    program_expect_failure(2, "cut.npy");
}

/* --- places that cannot be written --- */

static void expect_not_written(const char *out, const char *cause) {
    hyperdrift("run", "blobs-logistic", "--out", out);
    program_expect_failure(3, cause);
    cr_expect(strstr(program.err, out), "%s is not named: %s", out, program.err);
    cr_expect_str_empty(program.out);
}

Test(bad_input, folders_that_cannot_be_written) {
    put_bytes(path_of("file"), "x", 1);
    expect_not_written(path_of("file"), "Not a directory");
    expect_not_written(path_of("file/below"), "Not a directory");
    expect_not_written("/proc/hyperdrift", "cannot be made");
    expect_not_written("/dev/null", "Not a directory");
    char longer[5000];
    memset(longer, 'x', sizeof longer);
    longer[0] = '/';
    longer[sizeof longer - 1] = '\0';
    hyperdrift("run", "blobs-logistic", "--out", longer);
    program_expect_failure(3, "File name too long");
    setenv("TMPDIR", path_of("nowhere"), 1);
    hyperdrift("run", "blobs-logistic");
    program_expect_failure(3, "nowhere: cannot make a folder for temporary files");
}

Test(bad_input, a_report_that_cannot_be_written) {
    hyperdrift("check", "blobs-logistic", "--mode", "forward", "--quiet", "--junit",
               path_of("nowhere/report.xml"));
    program_expect_failure(3, "nowhere/report.xml");
}

Test(bad_input, a_limit_on_the_size_of_files) {
    program.file_size = 1024;
    hyperdrift("run", "blobs-slices", "--mode", "forward", "--out", path_of("out"));
    program_expect_failure(3, "step-0.weights.npy.gz: ");
    cr_expect(strstr(program.err, "File too large"), "%s", program.err);
    cr_expect_str_empty(program.out);
    expect_nothing_left();
}

/* A disk of two pages: one record fits, the next does not. */
Test(bad_input, a_disk_that_is_full) {
    char command[1024];
    snprintf(command, sizeof command,
             "mkdir %s && mount -t tmpfs -o size=8k tmpfs %s || exit 99\n"
             "%s run blobs-logistic --mode forward --out %s; status=$?; find %s -type f -printf '%%f\\n' | "
             "sort; exit $status",
             path_of("disk"), path_of("disk"), HD_PROGRAM, path_of("disk"), path_of("disk"));
    program_run((const char *const[]){"/usr/bin/unshare", "--user", "--map-root-user", "--mount", "/bin/sh",
                                      "-c", command, NULL});
    if (program.status == 99 || strstr(program.err, "unshare")) skip("no file system may be mounted here");
    program_expect_failure(3, "No space left on device");
    cr_expect(strstr(program.err, "disk/blobs-logistic/cpu/forward/step-1"), "%s", program.err);
    cr_expect_str_eq(program.out, "step-0.json\nstep-0.weights.npy.gz\n");
}

Test(bad_input, an_output_that_takes_nothing) {
    program.output = "/dev/full";
    hyperdrift("run", "blobs-logistic", "--json");
    program_expect_failure(3, "standard output: No space left on device");
    hyperdrift("check", "blobs-logistic", "--mode", "forward", "--quiet");
    program_expect_failure(3, "standard output");
}

/* --- the machine --- */

Test(bad_input, more_threads_than_cores) {
    hyperdrift("run", "blobs-logistic", "--threads", "60000", "--out", path_of("out"));
    program_expect_failure(3, "60000 threads: this process may run on ");
    expect_nothing_left();
}

/* The memory ends anywhere from far too little to nearly enough: for the threads, for the trajectory. */
Test(bad_input, memory_that_cannot_be_had) {
#if defined(__SANITIZE_ADDRESS__)
    skip("the address sanitizer needs all of the address space");
#endif
    size_t started = 0;
    for (rlim_t megabytes = 24; megabytes <= 424; megabytes += 50) {
        program.memory = megabytes << 20;
        hyperdrift("--version");
        if (program.status != 0) continue; /* too little even for the loader */
        started++;
        hyperdrift("run", "blobs-slices", "--out", path_of("out"), "--json", "--threads", "1", "--mode",
                   "reverse", "--set", "model.hidden=2000,2000");
        program_expect_failure(3, "no memory");
        json_t *json = program_json();
        cr_expect_eq(json_array_size(json_object_get(json, "records")), 0, "%zu MB", (size_t)megabytes);
        json_decref(json);
        expect_nothing_left();
    }
    cr_expect(started >= 4);
    cr_expect(strstr(program.err, "no memory for a trajectory of 13 states"), "%s", program.err);
}

Test(bad_input, memory_that_the_data_cannot_have) {
#if defined(__SANITIZE_ADDRESS__)
    skip("the address sanitizer needs all of the address space");
#endif
    program.memory = 60 << 20;
    hyperdrift("run", "mnist-2017-cpu", "--out", path_of("out"));
    program_expect_failure(3, "mnist: no memory for 70000 examples");
    expect_nothing_left();
}

/* --- a locale of decimal commas --- */

static void figures(char text[4096]) {
    hyperdrift("run", "blobs-logistic", "--json", "--set", "experiment.hyper-iterations=1", "--mode",
               "forward", "--set", "hyperparameters.eta=0.25");
    cr_assert_eq(program.status, 0, "%s", program.err);
    const char *end = strstr(program.out, "\"memory\"");
    cr_assert(end && end - program.out < 4096);
    snprintf(text, 4096, "%.*s", (int)(end - program.out), program.out);
}

Test(bad_input, a_locale_of_decimal_commas_changes_no_byte) {
    static char before[4096], after[4096];
    figures(before);
    if (!setlocale(LC_ALL, "de_DE.UTF-8")) skip("no locale of decimal commas is installed");
    setlocale(LC_ALL, "C");
    setenv("LC_ALL", "de_DE.UTF-8", 1);
    figures(after);
    cr_expect_str_eq(after, before);
}
