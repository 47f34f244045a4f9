#include "golden/last_blessing.h"

#include "base/list.h"

#include <stdlib.h>
#include <string.h>

hd_status hd_last_blessings_add(hd_last_blessings *blessings, const char *experiment, hd_error *error) {
    for (size_t i = 0; i < blessings->count; i++)
        if (!strcmp(blessings->list[i].experiment, experiment)) return HD_OK;
    hd_last_blessing *blessing = hd_list_add(&blessings->list, &blessings->count, sizeof *blessing);
    if (!blessing) return hd_fail(error, HD_UNAVAILABLE, "no memory for the goldens' blessings");
    snprintf(blessing->experiment, sizeof blessing->experiment, "%s", experiment);
    return HD_OK;
}

static void copy(const json_t *from, const char *key, char *text, size_t size) {
    const char *value = json_string_value(json_object_get(from, key));
    snprintf(text, size, "%s", value ? value : "");
}

static const char no_log[] = "no log of blessings";

hd_status hd_last_blessings_take(hd_last_blessings *blessings, const json_t *list, hd_error *error) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *json = json_array_get(list, i);
        const size_t before = blessings->count;
        char text[HD_LABEL];
        copy(json, "experiment", text, sizeof text);
        hd_status status = hd_last_blessings_add(blessings, text, error);
        if (status != HD_OK) return status;
        if (blessings->count == before) continue;
        hd_last_blessing *blessing = &blessings->list[before];
        copy(json, "date", blessing->date, sizeof blessing->date);
        copy(json, "reason", blessing->reason, sizeof blessing->reason);
        copy(json, "commit", blessing->commit, sizeof blessing->commit);
        copy(json, "unplaced", blessing->unplaced, sizeof blessing->unplaced);
        copy(json, "log", text, sizeof text);
        blessings->logged |= strcmp(text, no_log) != 0;
    }
    return HD_OK;
}

static hd_status find(const hd_ledger *ledger, const char *root, hd_last_blessing *blessing,
                      hd_error *error) {
    const char *experiment = blessing->experiment;
    char folder[PATH_MAX];
    hd_golden_set goldens = {0};
    hd_lineage lineage = {NULL, NULL};
    hd_status status = hd_golden_set_folder(root, experiment, folder, error);
    if (status == HD_OK) status = hd_golden_set_load(folder, &goldens, error);
    if (status == HD_OK && goldens.count == 0)
        status = hd_fail(error, HD_INVALID, "%s: there are no goldens", folder);
    if (status == HD_OK) status = hd_ledger_lineage(ledger, experiment, &goldens, &lineage, error);
    if (status == HD_OK) {
        const hd_golden *first = &goldens.steps[0];
        snprintf(blessing->date, sizeof blessing->date, "%s", first->blessed.date);
        snprintf(blessing->reason, sizeof blessing->reason, "%s", first->blessed.reason);
        snprintf(blessing->commit, sizeof blessing->commit, "%s", first->blessed.commit);
        if (lineage.unplaced)
            snprintf(blessing->unplaced, sizeof blessing->unplaced, "%s", lineage.unplaced->date);
    }
    hd_golden_set_free(&goldens);
    return status;
}

void hd_last_blessings_find(hd_last_blessings *blessings, const char *root,
                            void (*failed)(void *context, const hd_error *error), void *context) {
    hd_ledger ledger;
    hd_error error;
    hd_status status = hd_ledger_read(root, &ledger, &error);
    if (status != HD_OK) failed(context, &error);
    for (size_t i = 0; status == HD_OK && i < blessings->count; i++) {
        if (find(&ledger, root, &blessings->list[i], &error) == HD_OK) continue;
        hd_ledger_close(&ledger); /* goldens may have been replaced meanwhile: read both again */
        status = hd_ledger_read(root, &ledger, &error);
        if (status != HD_OK || find(&ledger, root, &blessings->list[i], &error) != HD_OK)
            failed(context, &error);
    }
    blessings->logged = ledger.count > 0;
    hd_ledger_close(&ledger);
}

void hd_last_blessings_free(hd_last_blessings *blessings) {
    free(blessings->list);
    *blessings = (hd_last_blessings){.count = 0};
}

void hd_last_blessings_print(FILE *to, const hd_last_blessings *blessings) {
    for (size_t i = 0; i < blessings->count; i++) {
        const hd_last_blessing *p = &blessings->list[i];
        if (!p->date[0]) continue;
        fprintf(to, "golden: %s: blessed %s at %s: %s", p->experiment, p->date, p->commit, p->reason);
        if (!blessings->logged) fprintf(to, " (%s)", no_log);
        if (p->unplaced[0]) fprintf(to, " (a later blessing, %s, is not in place)", p->unplaced);
        fputc('\n', to);
    }
}

json_t *hd_last_blessings_json(const hd_last_blessings *blessings) {
    json_t *list = json_array();
    for (size_t i = 0; i < blessings->count; i++) {
        const hd_last_blessing *p = &blessings->list[i];
        if (!p->date[0]) continue;
        json_t *json = json_pack("{ssssssssss}", "experiment", p->experiment, "date", p->date, "reason",
                                 p->reason, "commit", p->commit, "log", blessings->logged ? "kept" : no_log);
        if (p->unplaced[0]) json_object_set_new(json, "unplaced", json_string(p->unplaced));
        json_array_append_new(list, json);
    }
    return list;
}
