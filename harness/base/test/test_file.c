#include "base/file.h"
#include "test/folder.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(file, .init = folder_make, .fini = folder_remove);

static void expect_content(const char *path, const char *expected) {
    char text[256];
    const size_t size = get_bytes(path, text, sizeof text);
    cr_expect_eq(size, strlen(expected));
    cr_expect_arr_eq(text, expected, size);
}

static void expect_error(hd_status status, hd_status expected, const hd_error *error, const char *path,
                         const char *cause) {
    cr_expect_eq(status, expected, "%s: status %d", path, status);
    cr_expect_eq(error->status, expected);
    cr_expect(strstr(error->message, path), "no %s in: %s", path, error->message);
    cr_expect(strstr(error->message, cause), "no %s in: %s", cause, error->message);
}

Test(file, is_written_whole_and_replaces_the_old_one) {
    hd_error error;
    char *path = folder_path("record.json");
    cr_assert_eq(hd_file_write(path, "a longer old text", 17, &error), HD_OK);
    expect_content(path, "a longer old text");
    cr_assert_eq(hd_file_write(path, "new", 3, &error), HD_OK);
    expect_content(path, "new");
    cr_expect_eq(folder_entries(), 1);
    free(path);
}

Test(file, is_not_there_before_it_is_committed) {
    hd_error error;
    hd_output output;
    char *path = folder_path("record.json");
    cr_assert_eq(hd_output_open(&output, path, &error), HD_OK);
    hd_output_write(&output, "one ", 4);
    hd_output_write(&output, "two", 3);
    cr_expect_neq(access(path, F_OK), 0);
    cr_assert_eq(hd_output_commit(&output, &error), HD_OK);
    expect_content(path, "one two");
    free(path);
}

Test(file, that_is_abandoned_leaves_the_old_one_and_nothing_else) {
    hd_error error;
    hd_output output;
    char *path = folder_path("record.json");
    put_bytes(path, "old", 3);
    cr_assert_eq(hd_output_open(&output, path, &error), HD_OK);
    hd_output_write(&output, "new", 3);
    cr_expect_eq(folder_entries(), 2);
    hd_output_abandon(&output);
    expect_content(path, "old");
    cr_expect_eq(folder_entries(), 1);
    free(path);
}

Test(file, two_outputs_on_one_path_do_not_mix) {
    hd_error error;
    hd_output first, second;
    char *path = folder_path("record.json");
    cr_assert_eq(hd_output_open(&first, path, &error), HD_OK);
    cr_assert_eq(hd_output_open(&second, path, &error), HD_OK);
    hd_output_write(&first, "first", 5);
    hd_output_write(&second, "second", 6);
    cr_expect_eq(hd_output_commit(&first, &error), HD_OK);
    cr_expect_eq(hd_output_commit(&second, &error), HD_OK);
    expect_content(path, "second");
    cr_expect_eq(folder_entries(), 1);
    free(path);
}

Test(file, has_the_permissions_that_the_umask_leaves) {
    hd_error error;
    struct stat is;
    char *path = folder_path("record.json");
    umask(027);
    cr_assert_eq(hd_file_write(path, "x", 1, &error), HD_OK);
    cr_assert_eq(stat(path, &is), 0);
    cr_expect_eq(is.st_mode & 0777, 0640);
    free(path);
}

Test(file, is_written_to_the_working_directory_by_a_bare_name) {
    hd_error error;
    cr_assert_eq(chdir(folder), 0);
    cr_expect_eq(hd_file_write("bare", "text", 4, &error), HD_OK);
    expect_content("bare", "text");
}

Test(file, cannot_be_written_where_there_is_no_directory) {
    hd_error error;
    char *path = folder_path("missing/record.json");
    expect_error(hd_file_write(path, "x", 1, &error), HD_UNAVAILABLE, &error, path,
                 "No such file or directory");
    free(path);
}

Test(file, cannot_be_written_to_a_folder_that_is_not_writable) {
    hd_error error;
    char *path = folder_path("record.json");
    const uid_t user = geteuid();
    cr_assert_eq(chmod(folder, 0555), 0);
    if (user == 0) cr_assert_eq(seteuid(65534), 0); /* root may write anywhere */
    const hd_status status = hd_file_write(path, "x", 1, &error);
    if (user == 0) cr_assert_eq(seteuid(0), 0);
    cr_assert_eq(chmod(folder, 0755), 0);
    expect_error(status, HD_UNAVAILABLE, &error, path, "Permission denied");
    cr_expect_eq(folder_entries(), 0);
    free(path);
}

Test(file, on_a_full_disk_leaves_the_old_one_and_nothing_else) {
    static const char large[8192];
    hd_error error;
    char *path = folder_path("record.json");
    put_bytes(path, "old", 3);
    signal(SIGXFSZ, SIG_IGN);
    const struct rlimit limit = {4096, RLIM_INFINITY}, none = {RLIM_INFINITY, RLIM_INFINITY};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    const hd_status status = hd_file_write(path, large, sizeof large, &error);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
    expect_error(status, HD_UNAVAILABLE, &error, path, "File too large");
    expect_content(path, "old");
    cr_expect_eq(folder_entries(), 1);
    free(path);
}

Test(file, cannot_take_the_place_of_a_directory_or_a_device) {
    hd_error error;
    char *path = folder_path("record.json"), *pipe = folder_path("pipe");
    cr_assert_eq(mkdir(path, 0755), 0);
    cr_assert_eq(mkfifo(pipe, 0644), 0);
    expect_error(hd_file_write(path, "x", 1, &error), HD_UNAVAILABLE, &error, path, "not a regular file");
    expect_error(hd_file_write(pipe, "x", 1, &error), HD_UNAVAILABLE, &error, pipe, "not a regular file");
    cr_expect_eq(folder_entries(), 2);
    free(path);
    free(pipe);
}

Test(file, read_as_text_is_whole_and_ends_in_a_zero) {
    hd_error error;
    char *path = folder_path("text"), *text, large[10000];
    size_t size;
    memset(large, 'x', sizeof large);
    put_bytes(path, large, sizeof large);
    cr_assert_eq(hd_file_read_text(path, sizeof large, &text, &size, &error), HD_OK);
    cr_expect_eq(size, sizeof large);
    cr_expect_arr_eq(text, large, sizeof large);
    cr_expect_eq(text[size], '\0');
    free(text);
    put_bytes(path, "", 0);
    cr_assert_eq(hd_file_read_text(path, 100, &text, &size, &error), HD_OK);
    cr_expect_eq(size, 0);
    cr_expect_str_empty(text);
    free(text);
    free(path);
}

Test(file, read_as_text_is_refused_if_missing_too_large_or_not_text) {
    hd_error error;
    char *path = folder_path("text"), *text;
    size_t size;
    expect_error(hd_file_read_text(path, 100, &text, &size, &error), HD_INVALID, &error, path,
                 "No such file");
    cr_expect_null(text);
    put_bytes(path, "0123456789", 10);
    expect_error(hd_file_read_text(path, 9, &text, &size, &error), HD_INVALID, &error, path, "9 bytes");
    cr_expect_null(text);
    put_bytes(path, "seed\0= 1", 8);
    expect_error(hd_file_read_text(path, 100, &text, &size, &error), HD_INVALID, &error, path, "zero byte");
    cr_expect_null(text);
    expect_error(hd_file_read_text(folder, 100, &text, &size, &error), HD_INVALID, &error, folder,
                 "directory");
    cr_expect_null(text);
    free(path);
}

Test(file, directories_are_made_with_those_above_them) {
    hd_error error;
    struct stat is;
    char *path = folder_path("out//mnist/cpu/forward/");
    cr_expect_eq(hd_directory_make(path, &error), HD_OK);
    cr_expect_eq(stat(path, &is), 0);
    cr_expect(S_ISDIR(is.st_mode));
    cr_expect_eq(hd_directory_make(path, &error), HD_OK, "a second time");
    cr_expect_eq(hd_directory_make("/", &error), HD_OK);
    cr_assert_eq(chdir(folder), 0);
    cr_expect_eq(hd_directory_make("relative/one", &error), HD_OK);
    cr_expect_eq(access("relative/one", W_OK), 0);
    free(path);
}

Test(file, directories_are_not_made_where_a_file_is_in_the_way) {
    hd_error error;
    char *file = folder_path("out"), *path = folder_path("out/mnist/cpu");
    put_bytes(file, "x", 1);
    expect_error(hd_directory_make(path, &error), HD_UNAVAILABLE, &error, path, "Not a directory");
    expect_error(hd_directory_make(file, &error), HD_UNAVAILABLE, &error, file, "Not a directory");
    free(file);
    free(path);
}

/* Reads a file of exactly size bytes. */
static hd_status read_exactly(const char *path, void *data, size_t size, hd_error *error) {
    hd_input *input;
    hd_status status = hd_input_open(path, &input, error);
    if (status == HD_OK) status = hd_input_read(input, data, size, error);
    if (status == HD_OK) status = hd_input_expect_end(input, error);
    hd_input_close(input);
    return status;
}

static const char *const names[] = {"input", "input.gz"};

Test(file, input_is_read_to_its_end_plain_and_gzipped) {
    static unsigned char content[200000], got[sizeof content];
    hd_error error;
    for (size_t i = 0; i < sizeof content; i++) content[i] = (unsigned char)(i * i >> 7);
    for (size_t n = 0; n < 2; n++) {
        char *path = folder_path(names[n]);
        put_content(path, content, sizeof content);
        memset(got, 0, sizeof got);
        cr_expect_eq(read_exactly(path, got, sizeof got, &error), HD_OK, "%s", error.message);
        cr_expect_arr_eq(got, content, sizeof content);
        expect_error(read_exactly(path, got, sizeof got - 1, &error), HD_INVALID, &error, path,
                     "trailing bytes");
        put_content(path, content, sizeof content - 1);
        expect_error(read_exactly(path, got, sizeof got, &error), HD_INVALID, &error, path, "truncated");
        put_content(path, content, 0);
        cr_expect_eq(read_exactly(path, got, 0, &error), HD_OK, "empty: %s", error.message);
        free(path);
    }
}

Test(file, input_is_refused_if_missing_or_not_a_regular_file) {
    hd_error error;
    char byte;
    for (size_t n = 0; n < 2; n++) {
        char *path = folder_path(names[n]);
        expect_error(read_exactly(path, &byte, 1, &error), HD_INVALID, &error, path, "No such file");
        cr_assert_eq(mkfifo(path, 0600), 0);
        expect_error(read_exactly(path, &byte, 1, &error), HD_INVALID, &error, path, "not a regular file");
        free(path);
    }
    expect_error(read_exactly(folder, &byte, 1, &error), HD_INVALID, &error, folder, "not a regular file");
}

Test(file, gzipped_input_may_have_several_members_but_nothing_else_behind) {
    hd_error error;
    unsigned char bytes[200], got[8];
    char *path = folder_path("input.gz");
    put_content(path, "abcd", 4);
    size_t size = get_bytes(path, bytes, 100);
    memcpy(bytes + size, bytes, size);
    put_bytes(path, bytes, 2 * size);
    cr_expect_eq(read_exactly(path, got, 8, &error), HD_OK, "%s", error.message);
    cr_expect_arr_eq(got, "abcdabcd", 8);
    memcpy(bytes + size, "rubbish", 8);
    put_bytes(path, bytes, size + 8);
    expect_error(read_exactly(path, got, 4, &error), HD_INVALID, &error, path, "gzip");
    put_bytes(path, "plain text", 10);
    expect_error(read_exactly(path, got, 4, &error), HD_INVALID, &error, path, "gzip");
    free(path);
}

Test(file, gzipped_input_cut_anywhere_is_refused) {
    hd_error error;
    unsigned char bytes[200], got[16];
    char *path = folder_path("input.gz");
    put_content(path, "0123456789abcdef", 16);
    const size_t size = get_bytes(path, bytes, sizeof bytes);
    for (size_t cut = 0; cut < size; cut++) {
        put_bytes(path, bytes, cut);
        expect_error(read_exactly(path, got, sizeof got, &error), HD_INVALID, &error, path, "truncated");
    }
    free(path);
}

Test(file, gzipped_input_with_a_damaged_bit_is_refused_or_reads_the_same) {
    hd_error error;
    unsigned char bytes[200], got[16];
    char *path = folder_path("input.gz");
    put_content(path, "0123456789abcdef", 16);
    const size_t size = get_bytes(path, bytes, sizeof bytes);
    size_t refused = 0;
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] = (unsigned char)(bytes[bit / 8] ^ 1u << bit % 8);
        put_bytes(path, bytes, size);
        const hd_status status = read_exactly(path, got, sizeof got, &error);
        bytes[bit / 8] = (unsigned char)(bytes[bit / 8] ^ 1u << bit % 8);
        if (status == HD_OK) {
            cr_expect_arr_eq(got, "0123456789abcdef", sizeof got, "bit %zu", bit);
        } else {
            cr_expect_eq(status, HD_INVALID, "bit %zu: %s", bit, error.message);
            refused++;
        }
    }
    cr_expect_geq(refused, 8 * (size - 8)); /* only the time, the system and hints may change */
    free(path);
}

Test(file, capacity_bounds_what_gzip_can_hold) {
    static unsigned char zeros[3000000];
    hd_error error;
    hd_input *input;
    for (size_t n = 0; n < 2; n++) {
        char *path = folder_path(names[n]);
        put_content(path, zeros, sizeof zeros);
        cr_assert_eq(hd_input_open(path, &input, &error), HD_OK);
        cr_expect_geq(hd_input_capacity(input), sizeof zeros);
        cr_expect_leq(hd_input_capacity(input), 2 * sizeof zeros);
        hd_input_close(input);
        free(path);
    }
}

Test(file, is_appended_to_or_left_as_it_was) {
    static const char large[8192];
    hd_error error;
    char *path = folder_path("log");
    cr_assert_eq(hd_file_append(path, "one\n", 4, &error), HD_OK);
    cr_assert_eq(hd_file_append(path, "two\n", 4, &error), HD_OK);
    expect_content(path, "one\ntwo\n");
    signal(SIGXFSZ, SIG_IGN);
    const struct rlimit limit = {4096, RLIM_INFINITY}, none = {RLIM_INFINITY, RLIM_INFINITY};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    const hd_status status = hd_file_append(path, large, sizeof large, &error);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
    expect_error(status, HD_UNAVAILABLE, &error, path, "File too large");
    expect_content(path, "one\ntwo\n");
    free(path);
}
