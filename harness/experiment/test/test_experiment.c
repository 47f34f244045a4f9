#include "test/experiment_file.h"

#include <math.h>

TestSuite(experiment, .init = make_folder, .fini = remove_folder);

Test(experiment, reads_the_main_experiment) {
    cr_assert_eq(hd_experiment_load("fixtures/mnist-2017-cpu.ini", NULL, 0, &experiment, &error), HD_OK, "%s",
                 error.message);
    cr_expect_str_eq(experiment.name, "mnist-2017-cpu");
    cr_expect_str_eq(experiment.path, "fixtures/mnist-2017-cpu.ini");
    cr_expect_eq(experiment.seed, 1);
    cr_expect_eq(experiment.hyper_iterations, 3);
    cr_expect_eq(experiment.source, HD_DATA_MNIST);
    cr_expect_eq(experiment.training, 35000);
    cr_expect_eq(experiment.validation, 21000);
    cr_expect_eq(experiment.test, 14000);
    cr_expect_eq(experiment.layers, 3);
    const size_t dims[] = {784, 300, 300, 10};
    cr_expect_arr_eq(experiment.dims, dims, sizeof dims);
    cr_expect_eq(experiment.fill, HD_FILL_TF_CPU);
    cr_expect_eq(experiment.steps, 100);
    cr_expect_eq(experiment.batch, 200);
    cr_expect_eq(experiment.epochs, 3);
    cr_expect_eq(experiment.rate, 0.001f);
    cr_expect(experiment.nonnegative && !experiment.arithmetic);
    cr_assert_eq(experiment.hypers, 8);
    const hd_hyper_kind kinds[] = {HD_RHO_L1, HD_RHO_L1, HD_RHO_L1, HD_RHO_L2,
                                   HD_RHO_L2, HD_RHO_L2, HD_ETA,    HD_MU};
    const size_t layers[] = {0, 1, 2, 0, 1, 2, 0, 0};
    const float values[] = {0, 0, 0, 0, 0, 0, 0.01f, 0.5f};
    for (size_t j = 0; j < 8; j++) {
        cr_expect_eq(experiment.hyper[j].kind, kinds[j]);
        cr_expect_eq(experiment.hyper[j].layer, layers[j]);
        cr_expect_eq(experiment.value[j], values[j]);
    }
}

Test(experiment, reads_the_race_of_2017) {
    cr_assert_eq(hd_experiment_load("fixtures/mnist-2017-gpu-race.ini", NULL, 0, &experiment, &error), HD_OK);
    cr_expect_eq(experiment.fill, HD_FILL_TF_GPU_2017);
    cr_expect(!hd_experiment_race(&experiment, 0) && !hd_experiment_race(&experiment, 1));
    cr_expect(hd_experiment_race(&experiment, 2));
    cr_expect(!hd_experiment_race(&experiment, 3) && !hd_experiment_race(&experiment, SIZE_MAX));
}

Test(experiment, has_defaults_for_what_has_only_one_usual_value) {
    cr_assert_eq(
        load_text(
            "[experiment]\nname=a\nseed=4294967295\nhyper-iterations=1\n[data]\nsource=blobs\nexamples=4\n"
            "inputs=1\nclasses=2\npartitions=0.5,0.25\n[model]\nhidden=\n[training]\nsteps=1\nbatch=2\n"
            "epochs=1\n[hyperparameters]\neta=1\nmu=0\n[hyper-optimizer]\nrate=0\n"),
        HD_OK, "%s", error.message);
    cr_expect_eq(experiment.seed, UINT32_MAX);
    cr_expect_eq(experiment.layers, 1);
    cr_expect_eq(experiment.dims[0], 1);
    cr_expect_eq(experiment.dims[1], 2);
    cr_expect(experiment.training == 2 && experiment.validation == 1 && experiment.test == 1);
    cr_expect_eq(experiment.fill, HD_FILL_TF_CPU);
    cr_expect(!hd_experiment_race(&experiment, 0));
    cr_expect(experiment.nonnegative && !experiment.arithmetic);
    cr_assert_eq(experiment.hypers, 2);
    cr_expect(experiment.hyper[0].kind == HD_ETA && experiment.hyper[1].kind == HD_MU);
}

Test(experiment, takes_a_value_for_each_layer) {
    accepts("rho_l1 = 0.0", "rho_l1 = 1e-3 ,\t2E-3,+.003");
    cr_expect_eq(experiment.value[0], 1e-3f);
    cr_expect_eq(experiment.value[1], 2e-3f);
    cr_expect_eq(experiment.value[2], 3e-3f);
}

Test(experiment, reads_minus_zero_as_zero) {
    accepts("rho_l1 = 0.0", "rho_l1 = -0.0");
    cr_expect(!signbit(experiment.value[0]));
}

Test(experiment, counts_decimal_shares_as_decimals) {
    accepts("partitions = 0.5, 0.3", "partitions = 0.3, 0.6");
    cr_expect_eq(experiment.training, 21000);
    cr_expect_eq(experiment.validation, 42000);
    cr_expect_eq(experiment.test, 7000);
}

Test(experiment, rejects_a_name_that_is_no_folder) {
    rejects("name = tiny", "name = ../tiny", "name", "letters, digits, '-' and '_'");
    rejects("name = tiny", "name = ", "name", "letters, digits, '-' and '_'");
    rejects("name = tiny", "name = t\xC3\xAFny", "name", "letters, digits, '-' and '_'");
    rejects("name = tiny", "name = a123456789b123456789c123456789d123456789e123456789f123456789g123", "name",
            "1 to 63");
    accepts("name = tiny", "name = a123456789b123456789c123456789d123456789e123456789f123456789g12");
}

Test(experiment, rejects_whole_numbers_out_of_range) {
    rejects("seed = 1", "seed = -1", "seed", "0 to 4294967295");
    rejects("seed = 1", "seed = 4294967296", "seed", "0 to 4294967295");
    rejects("hyper-iterations = 3", "hyper-iterations = 0", "hyper-iterations", "1 to 1000");
    rejects("hyper-iterations = 3", "hyper-iterations = 1001", "hyper-iterations", "1 to 1000");
    rejects("steps = 100", "steps = 0", "steps", "1 to 1000000");
    rejects("steps = 100", "steps = 1000001", "steps", "1 to 1000000");
    rejects("steps = 100", "steps = 18446744073709551617", "steps", "1 to 1000000");
    rejects("batch = 200", "batch = 0", "batch", "1 to 1000000");
    rejects("batch = 200", "batch = 1000001", "batch", "1 to 1000000");
    rejects("epochs = 3", "epochs = 0", "epochs", "1 to 10000");
    rejects("epochs = 3", "epochs = 10001", "epochs", "1 to 10000");
}

Test(experiment, rejects_numbers_out_of_range) {
    rejects("eta = 0.01", "eta = 0", "eta", "above 0");
    rejects("eta = 0.01", "eta = -1", "eta", "above 0");
    rejects("eta = 0.01", "eta = 1e-60", "eta", "above 0");
    rejects("eta = 0.01", "eta = 1e60", "eta", "finite as float32");
    rejects("eta = 0.01", "eta = 1e600", "eta", "what float32 can hold");
    rejects("mu = 0.5", "mu = -0.1", "mu", "from 0 to below 1");
    rejects("mu = 0.5", "mu = 1", "mu", "from 0 to below 1");
    rejects("mu = 0.5", "mu = 0.99999999999", "mu", "from 0 to below 1"); /* 1 in float32 */
    rejects("rho_l1 = 0.0", "rho_l1 = -1e-9", "rho_l1", "0 or more");
    rejects("rho_l2 = 0.0", "rho_l2 = 0, 0, -1", "rho_l2", "0 or more");
    rejects("rate = 0.001", "rate = -1", "rate", "0 or more");
    rejects("rate = 0.001", "rate = 1e39", "rate", "finite as float32");
}

Test(experiment, rejects_lists_of_the_wrong_length) {
    rejects("rho_l1 = 0.0", "rho_l1 = 0, 0", "rho_l1", "1 for all layers, or 3");
    rejects("rho_l1 = 0.0", "rho_l1 =", "rho_l1", "1 to 17");
    rejects("rho_l2 = 0.0", "rho_l2 = 0, 0, 0, 0", "rho_l2", "1 for all layers, or 3");
    rejects("eta = 0.01", "eta = 0.1, 0.2", "eta", "exactly 1");
    rejects("partitions = 0.5, 0.3", "partitions = 0.5", "partitions", "exactly 2");
    rejects("partitions = 0.5, 0.3", "partitions = 0.5, 0.3, 0.2", "partitions", "exactly 2");
    rejects("hidden = 300, 300", "hidden = 1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", "hidden", "0 to 16");
    accepts("hidden = 300, 300", "hidden = 1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1");
    rejects("hidden = 300, 300", "hidden = 300,, 300", "hidden", "empty item");
    rejects("hidden = 300, 300", "hidden = , 300", "hidden", "empty item");
    rejects("hidden = 300, 300", "hidden = 300,", "hidden", "empty item");
}

Test(experiment, rejects_absurd_layers) {
    rejects("hidden = 300, 300", "hidden = 300, 0", "hidden", "1 to 65536");
    rejects("hidden = 300, 300", "hidden = -300", "hidden", "1 to 65536");
    rejects("hidden = 300, 300", "hidden = 65537", "hidden", "1 to 65536");
    rejects("hidden = 300, 300", "hidden = 65536, 65536", "hidden", "up to 100000000");
}

Test(experiment, rejects_partitions_that_leave_a_set_empty) {
    rejects("partitions = 0.5, 0.3", "partitions = 0, 0.3", "partitions", "each above 0, together at most 1");
    rejects("partitions = 0.5, 0.3", "partitions = 0.5, -0.3", "partitions",
            "each above 0, together at most 1");
    rejects("partitions = 0.5, 0.3", "partitions = 0.8, 0.3", "partitions",
            "each above 0, together at most 1");
    rejects("partitions = 0.5, 0.3", "partitions = 0.7, 0.3", "partitions",
            "0 test examples; allowed: 1 or more");
    rejects("partitions = 0.5, 0.3", "partitions = 0.5, 1e-5", "partitions", "0 validation");
}

Test(experiment, rejects_more_batches_than_the_scheme_has) {
    accepts("steps = 100", "steps = 525");
    rejects("steps = 100", "steps = 526", "steps", "make 525 batches of 200");
    rejects("batch = 200", "batch = 35001", "batch", "up to 35000");
}

Test(experiment, rejects_a_scheme_that_no_memory_holds) {
    const char *const overrides[] = {"data.source=blobs",    "data.examples=1000000", "data.inputs=1",
                                     "data.classes=2",       "training.steps=100000", "training.batch=20000",
                                     "training.epochs=10000"};
    write_file(base, strlen(base));
    cr_expect_eq(hd_experiment_load(file, overrides, 7, &experiment, &error), HD_INVALID);
    expect_message("steps x batch", "--set training.steps");
    expect_message("steps x batch", "steps x batch up to 1000000000");
}

Test(experiment, rejects_tf32_without_cublas) {
    rejects("tf32 = off", "tf32 = on", "tf32", "with arithmetic = cublas only");
}

Test(experiment, rejects_a_race_without_its_fill) {
    char text[4096];
    replace("fill = tf-gpu-2017\n", "", text, sizeof text);
    cr_expect_eq(load_text(text), HD_INVALID);
    expect_message("race", "e.ini:10: [model] fill-race = '2'");
    expect_message("race", "with fill = tf-gpu-2017 only");
}

Test(experiment, rejects_a_race_in_a_hyper_iteration_that_is_not_there) {
    rejects("fill-race = 2", "fill-race = 0, 3", "fill-race", "0 to 2");
    rejects("fill-race = 2", "fill-race = 1, 1", "fill-race", "each hyper-iteration once");
}

Test(experiment, asks_for_the_sizes_of_blobs_and_of_nothing_else) {
    char text[4096];
    rejects("source = mnist", "classes = 10\nsource = mnist", "classes", "with source = blobs only");
    rejects("source = mnist", "inputs = 10\nsource = mnist", "inputs", "with source = blobs only");
    rejects("source = mnist", "greys = 10\nsource = mnist", "greys", "with source = blobs only");
    replace("source = mnist", "source = blobs\ninputs = 5\nclasses = 3", text, sizeof text);
    cr_expect_eq(load_text(text), HD_INVALID);
    expect_message("examples", "[data] has no key 'examples'");
    const char *const limits[][2] = {
        {"data.examples=3", "4 to 10000000"}, {"data.inputs=0", "1 to 65536"},
        {"data.inputs=65537", "1 to 65536"},  {"data.classes=1", "2 to 256"},
        {"data.classes=257", "2 to 256"},     {"data.examples=10000001", "4 to 10000000"},
        {"data.greys=1", "2 to 256"},         {"data.greys=257", "2 to 256"}};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        const char *const overrides[] = {"data.source=blobs", "data.examples=100", "data.inputs=5",
                                         "data.classes=3", limits[i][0]};
        write_file(base, strlen(base));
        cr_expect_eq(hd_experiment_load(file, overrides, 5, &experiment, &error), HD_INVALID, "%s was taken",
                     limits[i][0]);
        expect_message(limits[i][0], limits[i][1]);
    }
}

Test(experiment, rejects_blobs_that_no_memory_holds) {
    rejects("source = mnist", "examples = 10000000\nsource = blobs\ninputs = 65536\nclasses = 2", "examples",
            "4000000000 inputs in all");
}

static void identity(const char *line, const char *by, char sha256[65]) {
    accepts(line, by);
    memcpy(sha256, experiment.sha256, 65);
}

Test(experiment, is_identified_by_what_it_computes) {
    char original[65], same[65], other[65];
    identity("[device]", "[device]", original);
    cr_expect_eq(strspn(original, "0123456789abcdef"), 64);
    const char *const equal[][2] = {{"steps = 100", "steps =  0100 ; comment"},
                                    {"eta = 0.01", "eta = 1e-2"},
                                    {"rho_l1 = 0.0", "rho_l1 = 0, -0, 0.00"},
                                    {"name = tiny", "name = other"},
                                    {"optimizer = momentum\n", "\n"},
                                    {"[device]", "# [device]\n\n[device]"},
                                    {"arithmetic = exact", "arithmetic = cublas"}};
    for (size_t i = 0; i < sizeof equal / sizeof *equal; i++) {
        identity(equal[i][0], equal[i][1], same);
        cr_expect_str_eq(same, original, "'%s' is another experiment", equal[i][1]);
    }
    const char *const unequal[][2] = {{"seed = 1", "seed = 2"},
                                      {"hyper-iterations = 3", "hyper-iterations = 4"},
                                      {"partitions = 0.5, 0.3", "partitions = 0.5, 0.2"},
                                      {"source = mnist", "source = fashion-mnist"},
                                      {"hidden = 300, 300", "hidden = 300, 301"},
                                      {"fill-race = 2", "fill-race = 1"},
                                      {"fill = tf-gpu-2017\nfill-race = 2\n", ""},
                                      {"fill-race = 2", ""},
                                      {"steps = 100", "steps = 99"},
                                      {"batch = 200", "batch = 199"},
                                      {"epochs = 3", "epochs = 4"},
                                      {"rho_l1 = 0.0\n", ""},
                                      {"rho_l2 = 0.0", "rho_l2 = 0, 0, 1e-9"},
                                      {"eta = 0.01", "eta = 0.010000001"},
                                      {"mu = 0.5", "mu = 0.6"},
                                      {"rate = 0.001", "rate = 0.002"},
                                      {"constraint = nonnegative", "constraint = none"},
                                      {"constraint = nonnegative", "powf = titan-x-2017"}};
    for (size_t i = 0; i < sizeof unequal / sizeof *unequal; i++) {
        identity(unequal[i][0], unequal[i][1], other);
        cr_expect_str_neq(other, original, "'%s' is the same experiment", unequal[i][1]);
    }
    cr_assert_eq(override("training.steps=99"), HD_OK);
    cr_expect_str_neq(experiment.sha256, original);
}
