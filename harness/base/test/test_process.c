/* Programs that we start without a shell. */
#include "base/process.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static hd_error error;
static char output[16];
static int status;

static void set_word(const void *context) {
    setenv("WORD", context, 1);
}

static hd_status start(const char *script, void (*prepare)(const void *), const void *context) {
    hd_program program = {(const char *const[]){"sh", "-c", script, NULL}, prepare, context, output,
                          sizeof output};
    return hd_process_program(&program, &status, &error);
}

Test(process, gives_another_programs_status_and_output) {
    cr_assert_eq(start("echo one two; exit 5", NULL, NULL), HD_OK, "%s", error.message);
    cr_expect_eq(status, 5);
    cr_expect_str_eq(output, "one two\n");
    cr_assert_eq(start(":", NULL, NULL), HD_OK);
    cr_expect(status == 0 && output[0] == '\0');
}

Test(process, drops_the_output_that_there_is_no_room_for) {
    cr_assert_eq(start("seq 100000", NULL, NULL), HD_OK, "%s", error.message);
    cr_expect_eq(status, 0, "it could write it all");
    cr_expect_str_eq(output, "1\n2\n3\n4\n5\n6\n7\n8");
}

Test(process, prepares_the_other_programs_environment_and_not_ours) {
    cr_assert_eq(start("echo $WORD", set_word, "a word"), HD_OK, "%s", error.message);
    cr_expect_str_eq(output, "a word\n");
    cr_expect_null(getenv("WORD"));
}

Test(process, says_how_another_program_failed) {
    hd_program program = {.arguments = (const char *const[]){"/nowhere/at all", NULL}};
    cr_expect_eq(hd_process_program(&program, &status, &error), HD_UNAVAILABLE);
    cr_expect_str_eq(error.message, "/nowhere/at all: cannot be started");
    cr_expect_eq(start("kill -KILL $$", NULL, NULL), HD_UNAVAILABLE);
    cr_expect_not_null(strstr(error.message, "Killed"), "%s", error.message);
}
