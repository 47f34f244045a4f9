#include "matrix/shard_terms.h"

#include "build_info.h"
#include "matrix/cells.h"
#include "run/loaded_experiment.h"

#include <stdio.h>
#include <string.h>

/* --- making terms --- */

static json_t *experiment_json(const hd_request *request, const char *word) {
    hd_experiment experiment;
    hd_error error;
    if (hd_request_experiment(word, request, &experiment, &error) != HD_OK)
        return json_pack("{ss}", "name", word);
    return json_pack("{sssIss}", "name", experiment.name, "seed", (json_int_t)experiment.seed, "sha256",
                     experiment.sha256);
}

json_t *hd_shard_terms_of(const hd_request *request, char *const *words, size_t count) {
    json_t *experiments = json_array(), *seeds = json_array(), *devices = json_array(), *modes = json_array(),
           *sets = json_array();
    for (size_t i = 0; i < count; i++) json_array_append_new(experiments, experiment_json(request, words[i]));
    for (size_t i = 0; i < request->seeds.count; i++)
        json_array_append_new(seeds, json_integer(request->seeds.of[i]));
    for (const char *const *device = request->devices; *device; device++)
        json_array_append_new(devices, json_string(*device));
    for (hd_mode mode = HD_FORWARD; mode <= HD_REVERSE; mode++)
        if (request->mode[mode]) json_array_append_new(modes, json_string(hd_mode_name(mode)));
    for (size_t i = 0; i < request->set_count; i++)
        json_array_append_new(sets, json_string(request->sets[i]));
    return json_pack("{sosososososbsIss}", "experiments", experiments, "seeds", seeds, "devices", devices,
                     "modes", modes, "set", sets, "bits", !request->no_bits, "repeat",
                     (json_int_t)request->repeat, "program", HD_VERSION " (" HD_COMMIT ")");
}

/* --- comparing terms --- */

/* One shard's terms, and what the texts call it. */
typedef struct hd_side {
    const json_t *terms;
    const char *who;
} hd_side;

static const char *string_of(const json_t *json) {
    const char *text = json_string_value(json);
    return text ? text : "";
}

static const char *text_of(const json_t *object, const char *key) {
    return string_of(json_object_get(object, key));
}

static bool has(const json_t *list, const json_t *member) {
    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_equal(json_array_get(list, i), member)) return true;
    return false;
}

/* Writes a list's member: a number, a text, or an experiment with its hash. */
static void write_member(const json_t *member, char *text, size_t size) {
    if (json_is_integer(member))
        snprintf(text, size, "%lld", (long long)json_integer_value(member));
    else if (json_is_object(member))
        snprintf(text, size, "%s (hash %.8s)", text_of(member, "name"), text_of(member, "sha256"));
    else
        snprintf(text, size, "%s", string_of(member));
}

/* Adds "seed 3 and 7 more: in WITH, not in WITHOUT". */
static void say_alone(const char *key, const char *word, const hd_side *with, const hd_side *without,
                      json_t *lines) {
    const json_t *list = json_object_get(with->terms, key), *other = json_object_get(without->terms, key);
    char first[256] = "", more[32] = "";
    size_t alone = 0;
    if (json_equal(list, other)) return;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *member = json_array_get(list, i);
        if (!has(other, member) && alone++ == 0) write_member(member, first, sizeof first);
    }
    if (alone > 1) snprintf(more, sizeof more, " and %zu more", alone - 1);
    if (alone)
        json_array_append_new(lines, json_sprintf("%s %s%s: in %s, not in %s", word, first, more, with->who,
                                                  without->who));
}

static void compare_values(const char *key, const hd_side *a, const hd_side *b, json_t *lines) {
    const json_t *one = json_object_get(a->terms, key), *other = json_object_get(b->terms, key);
    if (json_equal(one, other)) return;
    char *text = json_dumps(one, JSON_ENCODE_ANY), *other_text = json_dumps(other, JSON_ENCODE_ANY);
    json_array_append_new(lines, json_sprintf("%s: %s in %s, %s in %s", key, text ? text : "none", a->who,
                                              other_text ? other_text : "none", b->who));
    free(text);
    free(other_text);
}

static bool same_text(const json_t *a, const json_t *b, const char *key) {
    return !strcmp(text_of(a, key), text_of(b, key));
}

static void compare_golden(const json_t *one, const hd_side *a, const json_t *other, const hd_side *b,
                           json_t *lines) {
    const bool blessed_alike =
        same_text(one, other, "date") && same_text(one, other, "commit") && same_text(one, other, "reason");
    if (!same_text(one, other, "experiment") || blessed_alike) return;
    json_array_append_new(
        lines, json_sprintf("golden of %s: blessed %s at %s (%s) in %s, %s at %s (%s) in %s",
                            text_of(one, "experiment"), text_of(one, "date"), text_of(one, "commit"),
                            text_of(one, "reason"), a->who, text_of(other, "date"), text_of(other, "commit"),
                            text_of(other, "reason"), b->who));
}

static void compare_goldens(const hd_side *a, const hd_side *b, json_t *lines) {
    const json_t *ones = json_object_get(a->terms, "goldens"), *others = json_object_get(b->terms, "goldens");
    for (size_t i = 0; i < json_array_size(ones); i++)
        for (size_t j = 0; j < json_array_size(others); j++)
            compare_golden(json_array_get(ones, i), a, json_array_get(others, j), b, lines);
}

void hd_shard_terms_compare(const json_t *a, const char *who_a, const json_t *b, const char *who_b,
                            json_t *lines) {
    static const char *const lists[][2] = {{"experiments", "experiment"},
                                           {"set", "--set"},
                                           {"seeds", "seed"},
                                           {"devices", "device"},
                                           {"modes", "mode"}};
    const hd_side one = {a, who_a}, other = {b, who_b};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        say_alone(lists[i][0], lists[i][1], &one, &other, lines);
        say_alone(lists[i][0], lists[i][1], &other, &one, lines);
    }
    compare_values("bits", &one, &other, lines);
    compare_values("repeat", &one, &other, lines);
    compare_values("program", &one, &other, lines);
    compare_goldens(&one, &other, lines);
}

/* --- its cells --- */

static hd_mode mode_of(const json_t *name) {
    return strcmp(string_of(name), hd_mode_name(HD_REVERSE)) ? HD_FORWARD : HD_REVERSE;
}

static void add_cell(const hd_cell *cell, const bool *wanted, size_t shards, json_t *cells) {
    if (wanted[hd_cell_shard(cell, shards) - 1])
        json_array_append_new(cells, json_sprintf("%s seed %u %s %s", cell->experiment, cell->seed,
                                                  cell->device, hd_mode_name(cell->mode)));
}

void hd_shard_terms_cells(const json_t *terms, const bool *wanted, size_t shards, json_t *cells) {
    const json_t *experiments = json_object_get(terms, "experiments"),
                 *seeds = json_object_get(terms, "seeds"), *devices = json_object_get(terms, "devices"),
                 *modes = json_object_get(terms, "modes");
    const size_t seed_count = json_array_size(seeds);
    for (size_t e = 0; e < json_array_size(experiments); e++) {
        const json_t *experiment = json_array_get(experiments, e), *own = json_object_get(experiment, "seed");
        hd_cell cell = {.word = e};
        snprintf(cell.experiment, sizeof cell.experiment, "%s", text_of(experiment, "name"));
        for (size_t s = 0; own && s < (seed_count ? seed_count : 1); s++)
            for (size_t d = 0; d < json_array_size(devices); d++)
                for (size_t m = 0; m < json_array_size(modes); m++) {
                    cell.seed = (uint32_t)json_integer_value(seed_count ? json_array_get(seeds, s) : own);
                    cell.device = string_of(json_array_get(devices, d));
                    cell.mode = mode_of(json_array_get(modes, m));
                    add_cell(&cell, wanted, shards, cells);
                }
    }
}
