/* The PTX that nvcc makes of the CUDA device with the Makefile's flags: nothing contracted, flushed or
 * approximated. We leave out DeviceMath's kernels, since math = device asks for the CUDA library's exp and
 * log. Marks enclose every fma that the source names (named_fma.h). */
#include "build_info.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct findings {
    size_t named, unnamed;     /* fused multiply-adds */
    size_t rounded, unrounded; /* sums, products, quotients and roots with and without .rn: the assembler may
                                  contract those without */
    size_t left_out;           /* kernels */
    size_t flushed, approximated; /* instructions that flush subnormals, or are not IEEE's */
} findings;

static bool is_float(const char *instruction) {
    return strstr(instruction, ".f32") || strstr(instruction, ".f64");
}

static bool begins_with_one_of(const char *text, const char *const *words) {
    for (; *words; words++)
        if (!strncmp(text, *words, strlen(*words))) return true;
    return false;
}

static void look_at(const char *instruction, bool marked, findings *found) {
    static const char *const fused[] = {"fma.", "mad.", NULL}, *const basic[] = {"add.", "sub.",  "mul.",
                                                                                 "div.", "sqrt.", "rcp.",
                                                                                 NULL};
    found->flushed += strstr(instruction, ".ftz") != NULL;
    found->approximated += strstr(instruction, ".approx") != NULL || strstr(instruction, ".full.") != NULL;
    if (!is_float(instruction)) return;
    bool nearest = strstr(instruction, ".rn.") != NULL;
    if (begins_with_one_of(instruction, fused)) *(marked && nearest ? &found->named : &found->unnamed) += 1;
    if (begins_with_one_of(instruction, basic)) *(nearest ? &found->rounded : &found->unrounded) += 1;
}

static void need_nvcc(void) {
    if (!*HD_PTX) cr_skip_test("this program is built without the CUDA device (no nvcc, or CUDA=0)");
}

static findings read_ptx(const char *path) {
    FILE *file = fopen(path, "r");
    cr_assert(file, "%s", path);
    findings found = {0};
    bool marked = false, left_out = false;
    char line[4096], instruction[256];
    while (fgets(line, sizeof line, file)) {
        if (strstr(line, "begin inline asm")) marked = true;
        if (strstr(line, "end inline asm")) marked = false;
        if (strstr(line, ".entry ")) left_out = strstr(line, "DeviceMath") != NULL;
        found.left_out += left_out && strstr(line, ".entry ");
        if (left_out) continue;
        if (sscanf(line, " @%*s %255s", instruction) == 1 || sscanf(line, " %255s", instruction) == 1)
            look_at(instruction, marked, &found);
    }
    cr_assert(!ferror(file));
    fclose(file);
    return found;
}

/* One of the compilers' outputs; false: no more. */
static bool next_ptx(const char **rest, char path[4096]) {
    size_t length = strcspn(*rest, " ");
    snprintf(path, 4096, "%.*s", (int)length, *rest);
    *rest += length + strspn(*rest + length, " ");
    return length > 0;
}

Test(ptx, fuses_what_is_named_and_rounds_the_rest_to_nearest) {
    char path[4096];
    need_nvcc();
    for (const char *rest = HD_PTX; next_ptx(&rest, path);) {
        findings found = read_ptx(path);
        cr_expect(found.named > 0 && found.rounded > 0, "%s: %zu named, %zu rounded: was it read?", path,
                  found.named, found.rounded);
        cr_expect(found.unnamed == 0, "%s: %zu fused multiply-adds that the source does not name", path,
                  found.unnamed);
        cr_expect(found.unrounded == 0, "%s: %zu operations that the assembler may contract", path,
                  found.unrounded);
        cr_expect(found.left_out == 1, "%s: %zu kernels left out", path, found.left_out);
        cr_expect(found.flushed == 0, "%s: %zu operations flush subnormals", path, found.flushed);
        cr_expect(found.approximated == 0, "%s: %zu operations are approximations", path, found.approximated);
    }
}

/* The same text without --fmad=false: the test above would see that the flag was lost. */
Test(ptx, would_be_contracted_without_the_flag) {
    need_nvcc();
    findings found = read_ptx(HD_PTX_CONTRACTED);
    cr_expect(found.unnamed > 0);
    cr_expect(found.unrounded > 0);
}

/* --- the translator, which runs it on the host --- */

/* Translates a file and returns the exit status; said: what it says on standard error. */
static int translate(const char *path, char said[512]) {
    char command[9000];
    snprintf(command, sizeof command, "%s '%s' DeviceMath 2>&1 >/dev/null", HD_PTX_TRANSLATOR, path);
    FILE *output = popen(command, "r");
    cr_assert(output);
    said[fread(said, 1, 511, output)] = '\0';
    int status = pclose(output);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Translates PTX in which the first `was` is `is`, and expects the message. */
static void expect_refused(const char *ptx, const char *was, const char *is, const char *message) {
    char path[] = "/tmp/hd-ptx-XXXXXX", said[512];
    const char *at = strstr(ptx, was);
    cr_assert(at, "no %s", was);
    int file = mkstemp(path);
    cr_assert(file >= 0);
    FILE *copy = fdopen(file, "w");
    fwrite(ptx, 1, (size_t)(at - ptx), copy);
    fputs(is, copy);
    fputs(at + strlen(was), copy);
    fclose(copy);
    cr_expect_eq(translate(path, said), 2, "%s for %s: %s", is, was, said);
    cr_expect(strstr(said, message), "no '%s' in: %s", message, said);
    unlink(path);
}

static char *text_of(const char *path) {
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t size = 0;
    cr_assert(file && getdelim(&text, &size, '\0', file) > 0, "%s", path);
    fclose(file);
    return text;
}

Test(ptx_translator, knows_each_instruction_of_both_compilers) {
    char path[4096], said[512];
    need_nvcc();
    for (const char *rest = HD_PTX; next_ptx(&rest, path);)
        cr_expect_eq(translate(path, said), 0, "%s", said);
}

Test(ptx_translator, refuses_what_would_change_the_numbers) {
    char path[4096], said[512];
    need_nvcc();
    for (const char *rest = HD_PTX; next_ptx(&rest, path);) {
        char *ptx = text_of(path);
        expect_refused(ptx, "add.rn.f32", "add.rz.f32", "not known: add.rz.f32");
        expect_refused(ptx, "add.rn.f32", "add.f32", "not known: add.f32");
        expect_refused(ptx, "fma.rn.f64", "fma.rm.f64", "not known: fma.rm.f64");
        expect_refused(ptx, "ld.global.f32", "ld.global.f64", "a result of type");
        expect_refused(ptx, "ld.global.f32", "ld.global.v2.f32", "not 2 numbers");
        expect_refused(ptx, ".version ", ".version 1", "PTX version 1");
        expect_refused(ptx, "bar.sync", "bar.arrive", "not known: bar.arrive");
        free(ptx);
    }
    cr_expect_eq(translate(HD_PTX_CONTRACTED, said), 2);
    cr_expect(strstr(said, "not known: "), "%s", said);
    cr_expect_eq(translate("/nowhere.ptx", said), 2);
}
