#include "build_info.h"
#include "test/experiment_file.h"

#include <sys/stat.h>

TestSuite(catalogue, .init = make_folder, .fini = remove_folder);

Test(catalogue, loads_every_fixture_under_the_name_of_its_file) {
    char **names, path[PATH_MAX];
    size_t count;
    cr_assert_eq(hd_experiment_list(&names, &count, &error), HD_OK, "%s", error.message);
    cr_assert_geq(count, 7);
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(hd_experiment_find(names[i], path, &error), HD_OK, "%s", error.message);
        cr_expect_eq(hd_experiment_load(path, NULL, 0, &experiment, &error), HD_OK, "%s", error.message);
        cr_expect_str_eq(experiment.name, names[i]);
        cr_expect(i == 0 || strcmp(names[i - 1], names[i]) < 0);
    }
    free(names);
}

Test(catalogue, is_found_by_name_or_path) {
    char path[PATH_MAX];
    cr_expect_eq(hd_experiment_find("mnist-2017-cpu", path, &error), HD_OK, "%s", error.message);
    cr_expect_str_eq(path, "./fixtures/mnist-2017-cpu.ini");
    cr_expect_eq(hd_experiment_find("fixtures/blobs-deep.ini", path, &error), HD_OK, "%s", error.message);
    cr_expect_str_eq(path, "fixtures/blobs-deep.ini");
    cr_expect_eq(hd_experiment_find("nowhere.ini", path, &error), HD_INVALID);
    expect_message("nowhere.ini", "nowhere.ini: No such file");
    cr_expect_eq(hd_experiment_find("mnist-2018", path, &error), HD_INVALID);
    expect_message("mnist-2018", "no experiment 'mnist-2018'");
    expect_message("mnist-2018", "blobs-deep, blobs-logistic");
    char word[PATH_MAX + 1];
    memset(word, 'w', sizeof word);
    word[PATH_MAX] = '\0';
    cr_expect_eq(hd_experiment_find(word, path, &error), HD_INVALID);
    expect_message("a long word", "path too long");
}

Test(catalogue, is_looked_for_under_the_data_root) {
    char path[PATH_MAX], fixtures[PATH_MAX], **names;
    size_t count;
    cr_expect_str_eq(hd_data_root(), ".");
    setenv("HYPERDRIFT_ROOT", folder, 1);
    cr_expect_str_eq(hd_data_root(), folder);
    cr_expect_eq(hd_experiment_list(&names, &count, &error), HD_INVALID);
    expect_message("no fixtures", "cannot list the experiments");
    cr_expect(!names && count == 0);
    cr_expect_eq(hd_experiment_find("mnist-2017-cpu", path, &error), HD_INVALID);

    snprintf(fixtures, sizeof fixtures, "%s/fixtures", folder);
    cr_assert_eq(mkdir(fixtures, 0700), 0);
    cr_expect_eq(hd_experiment_list(&names, &count, &error), HD_OK, "%s", error.message);
    cr_expect(names && count == 0);
    free(names);
    rmdir(fixtures);
    setenv("HYPERDRIFT_ROOT", "", 1);
    cr_expect_str_eq(hd_data_root(), ".");
    cr_assert_eq(chdir(folder), 0);
    cr_expect_str_eq(hd_data_root(), HD_DATA_ROOT);
}
