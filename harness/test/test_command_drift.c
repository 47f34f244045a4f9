/* hyperdrift drift: what a step adds, against what rounding alone would. */
#include "program.h"

TestSuite(command_drift, .init = folder_make, .fini = folder_remove);

Test(command_drift, finds_no_step_of_float32_beyond_rounding_of_the_reference) {
    hyperdrift("drift", "blobs-deep", "--b", "device=reference");
    cr_expect_eq(program.status, 1, "%s", program.err);
    cr_expect(strstr(program.out, "The first difference is in activations 1 at step 0"), "%.500s",
              program.out);
    cr_expect_null(strstr(program.out, "more than rounding can"), "%.500s", program.out);
}

Test(command_drift, finds_the_first_step_that_another_hyperparameter_changes) {
    hyperdrift("drift", "blobs-deep", "--b", "hyperparameters.mu=0.51");
    cr_expect_eq(program.status, 1, "%s", program.err);
    cr_expect(strstr(program.out, "adds more than rounding can is that of W_0 at step 2"), "%.500s",
              program.out);
}

Test(command_drift, rounds_at_random_where_the_device_can) {
    hyperdrift("drift", "blobs-logistic", "--b", "rounding=3");
    cr_expect_eq(program.status, 1, "%s", program.err);
    cr_expect_null(strstr(program.out, "more than rounding can"), "%.500s", program.out);
    hyperdrift("drift", "blobs-logistic", "--b", "rounding=3", "--b", "device=reference");
    program_expect_failure(2, "rounding=3: allowed only on device cpu");
    hyperdrift("drift", "blobs-logistic", "--b", "rounding=0");
    program_expect_failure(2, "rounding=0: allowed: a whole number from 1 to 4294967295");
}
