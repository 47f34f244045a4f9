/* hyperdrift diff: compares two records, run folders or .npy files. */
#include "base/json.h"
#include "base/npy.h"
#include "base/terminal.h"
#include "commands/commands.h"
#include "judge/compare.h"
#include "judge/verdict_text.h"
#include "run/loaded_experiment.h"

#include <fts.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

typedef struct hd_differing {
    const hd_options *options;
    json_t *verdicts; /* for --json, else NULL */
    size_t compared, failed;
    hd_status status;
} hd_differing;

static void complain(hd_differing *differing, const hd_error *error) {
    differing->status = hd_terminal_complain(differing->status, error);
}

static void conclude(hd_differing *differing, hd_verdict *verdict) {
    differing->compared++;
    if (!hd_verdict_passes(verdict)) {
        differing->failed++;
        if (differing->status == HD_OK) differing->status = HD_DIFFERENT;
    }
    if (differing->verdicts) {
        json_array_append_new(differing->verdicts, hd_verdict_json(verdict));
    } else {
        printf("%s, hyper-iteration %zu, %s\n", verdict->experiment, verdict->step, verdict->device);
        hd_verdict_print_summary(stdout, verdict);
        if (!differing->options->quiet)
            hd_verdict_print_details(stdout, verdict, differing->options->verbose);
    }
    hd_verdict_free(verdict);
}

static void diff_records(hd_differing *differing, const char *a, const char *b) {
    hd_record left = {0}, right = {0};
    hd_error error;
    if (hd_record_load(a, true, &left, &error) != HD_OK || hd_record_load(b, true, &right, &error) != HD_OK) {
        complain(differing, &error);
    } else {
        hd_verdict verdict = {0};
        hd_verdict_head(&verdict, &left, b);
        hd_compare_records(&verdict, &left, &right, hd_tolerance_everywhere(&differing->options->tolerance));
        conclude(differing, &verdict);
    }
    hd_record_free(&left);
    hd_record_free(&right);
}

static void diff_arrays(hd_differing *differing, const char *a, const char *b) {
    hd_array left = {0}, right = {0};
    hd_error error;
    if (hd_npy_load(a, &left, &error) != HD_OK || hd_npy_load(b, &right, &error) != HD_OK) {
        complain(differing, &error);
    } else {
        hd_verdict verdict = {0};
        snprintf(verdict.experiment, sizeof verdict.experiment, "%.60s", a);
        snprintf(verdict.against, sizeof verdict.against, "%.200s", b);
        if (left.is_float32 != right.is_float32)
            hd_compare_failed(&verdict, "precision",
                              left.is_float32 ? "float32 against float64" : "float64 against float32");
        hd_compare_array(&verdict, "array", left.values, left.count, right.values, right.count,
                         left.is_float32 && right.is_float32,
                         hd_tolerance_everywhere(&differing->options->tolerance));
        conclude(differing, &verdict);
    }
    hd_array_free(&left);
    hd_array_free(&right);
}

static bool ends_with(const char *name, const char *suffix) {
    size_t length = strlen(name), end = strlen(suffix);
    return length >= end && !strcmp(name + length - end, suffix);
}

static bool is_record(const char *name) {
    return !strncmp(name, "step-", 5) && ends_with(name, ".json");
}

/* A record on one side only is a difference. */
static void missing(hd_differing *differing, const char *path) {
    hd_error error;
    hd_fail(&error, HD_DIFFERENT, "%.400s: missing; the other folder has it", path);
    complain(differing, &error);
    differing->failed++;
}

static int by_name(const FTSENT **a, const FTSENT **b) {
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* Compares every record below `from` with its counterpart below `to`; only_missing: only reports those
 * without one. */
static void walk(hd_differing *differing, const char *from, const char *to, bool only_missing) {
    char *roots[] = {(char *)(uintptr_t)from, NULL}, other[PATH_MAX];
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
    if (!tree) return;
    struct stat status;
    for (FTSENT *entry; (entry = fts_read(tree));) {
        if (entry->fts_info != FTS_F || !is_record(entry->fts_name)) continue;
        const char *below = entry->fts_path + strlen(from);
        int length = snprintf(other, sizeof other, "%s/%s", to, below + strspn(below, "/"));
        bool there = length < (int)sizeof other && stat(other, &status) == 0;
        if (!there)
            missing(differing, other);
        else if (!only_missing)
            diff_records(differing, entry->fts_path, other);
    }
    fts_close(tree);
}

typedef enum hd_kind { NOTHING, FOLDER, RECORD, ARRAY } hd_kind;

static hd_kind kind_of(hd_differing *differing, const char *path) {
    struct stat status;
    hd_error error;
    if (stat(path, &status) == 0) {
        if (S_ISDIR(status.st_mode)) return FOLDER;
        return ends_with(path, ".npy") || ends_with(path, ".npy.gz") ? ARRAY : RECORD;
    }
    hd_fail(&error, HD_INVALID, "%.400s: no such file or folder", path);
    complain(differing, &error);
    return NOTHING;
}

hd_status hd_command_diff(const hd_options *options) {
    hd_differing differing = {.options = options, .verdicts = options->json ? json_array() : NULL};
    const char *a = options->words[0], *b = options->words[1];
    hd_kind kind = kind_of(&differing, a), other = kind_of(&differing, b);
    hd_error error;
    if (kind != NOTHING && other != NOTHING && kind != other) {
        hd_fail(&error, HD_INVALID, "%.200s and %.200s: not of the same kind (record, run folder, .npy file)",
                a, b);
        complain(&differing, &error);
    } else if (kind == other && kind != NOTHING) {
        if (kind == RECORD) diff_records(&differing, a, b);
        if (kind == ARRAY) diff_arrays(&differing, a, b);
        if (kind == FOLDER) {
            walk(&differing, a, b, false);
            walk(&differing, b, a, true);
        }
        if (differing.compared == 0 && differing.status == HD_OK) {
            hd_fail(&error, HD_DIFFERENT, "%.200s and %.200s: no records in them: nothing was compared", a,
                    b);
            complain(&differing, &error);
        }
    }
    if (differing.verdicts) {
        const char *verdict = differing.status == HD_OK ? "pass" : "fail";
        hd_document_print(json_pack("{ssso}", "verdict", verdict, "comparisons", differing.verdicts), 17);
    }
    return differing.status;
}
