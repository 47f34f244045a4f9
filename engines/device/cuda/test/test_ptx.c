/* The PTX that nvcc makes of the CUDA device with the Makefile's flags: nothing contracted, flushed or
 * approximated. We leave out DeviceMath's kernels, since math = device asks for the CUDA library's exp and
 * log. Marks enclose every fma that the source names (named_fma.h). */
#include "build_info.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

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

static findings read_ptx(const char *path) {
    if (!*path) cr_skip_test("this program is built without the CUDA device (no nvcc, or CUDA=0)");
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

Test(ptx, fuses_what_is_named_and_rounds_the_rest_to_nearest) {
    findings found = read_ptx(HD_PTX);
    cr_expect(found.named > 0 && found.rounded > 0, "%zu named, %zu rounded: was it read?", found.named,
              found.rounded);
    cr_expect(found.unnamed == 0, "%zu fused multiply-adds that the source does not name", found.unnamed);
    cr_expect(found.unrounded == 0, "%zu operations that the assembler may contract", found.unrounded);
    cr_expect(found.left_out == 1, "%zu kernels left out", found.left_out);
    cr_expect(found.flushed == 0, "%zu operations flush subnormals", found.flushed);
    cr_expect(found.approximated == 0, "%zu operations are approximations", found.approximated);
}

/* The same text without --fmad=false: the test above would see that the flag was lost. */
Test(ptx, would_be_contracted_without_the_flag) {
    findings found = read_ptx(HD_PTX_CONTRACTED);
    cr_expect(found.unnamed > 0);
    cr_expect(found.unrounded > 0);
}
