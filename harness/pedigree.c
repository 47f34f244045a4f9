#include "pedigree.h"

#include <stdlib.h>
#include <string.h>

static hd_status find(const hd_ledger *ledger, const char *root, const char *experiment,
                      hd_pedigree *pedigree, hd_error *error) {
    char folder[PATH_MAX];
    hd_goldens goldens = {0};
    hd_lineage lineage = {NULL, NULL};
    hd_status status = hd_goldens_folder(root, experiment, folder, error);
    if (status == HD_OK) status = hd_goldens_load(folder, &goldens, error);
    if (status == HD_OK && goldens.count == 0)
        status = hd_fail(error, HD_INVALID, "%s: no goldens are there", folder);
    if (status == HD_OK) status = hd_ledger_lineage(ledger, experiment, &goldens, &lineage, error);
    if (status == HD_OK) {
        const hd_golden *first = &goldens.steps[0];
        *pedigree = (hd_pedigree){.date = ""};
        snprintf(pedigree->experiment, sizeof pedigree->experiment, "%s", experiment);
        snprintf(pedigree->date, sizeof pedigree->date, "%s", first->blessed.date);
        snprintf(pedigree->reason, sizeof pedigree->reason, "%s", first->blessed.reason);
        snprintf(pedigree->commit, sizeof pedigree->commit, "%s", first->blessed.commit);
        if (lineage.unplaced)
            snprintf(pedigree->unplaced, sizeof pedigree->unplaced, "%s", lineage.unplaced->date);
    }
    hd_goldens_free(&goldens);
    return status;
}

static bool by_golden(const hd_finding *finding) {
    for (size_t v = 0; v < finding->count; v++)
        if (!strcmp(finding->verdicts[v].against, "golden")) return true;
    return false;
}

/* Whether record i is the first that its experiment's goldens judged. */
static bool is_first(const hd_finding *records, size_t i) {
    for (size_t k = 0; k < i; k++)
        if (!strcmp(records[k].record.experiment, records[i].record.experiment) && by_golden(&records[k]))
            return false;
    return by_golden(&records[i]);
}

void hd_pedigrees_find(const char *root, const hd_findings *findings, hd_pedigrees *found,
                       void (*failed)(void *context, const hd_error *error), void *context) {
    hd_ledger ledger;
    hd_error error;
    *found = (hd_pedigrees){.list = calloc(findings->record_count + 1, sizeof *found->list)};
    hd_status status = hd_ledger_read(root, &ledger, &error);
    if (status == HD_OK && !found->list)
        status = hd_fail(&error, HD_UNAVAILABLE, "no memory for the goldens' blessings");
    if (status != HD_OK) failed(context, &error);
    found->logged = ledger.count > 0;
    for (size_t i = 0; status == HD_OK && i < findings->record_count; i++) {
        if (!is_first(findings->records, i)) continue;
        const char *experiment = findings->records[i].record.experiment;
        if (find(&ledger, root, experiment, &found->list[found->count], &error) == HD_OK)
            found->count++;
        else
            failed(context, &error);
    }
    hd_ledger_close(&ledger);
}

void hd_pedigrees_free(hd_pedigrees *pedigrees) {
    free(pedigrees->list);
    *pedigrees = (hd_pedigrees){.count = 0};
}

static const char no_log[] = "no log of blessings";

void hd_pedigrees_print(FILE *to, const hd_pedigrees *pedigrees) {
    for (size_t i = 0; i < pedigrees->count; i++) {
        const hd_pedigree *p = &pedigrees->list[i];
        fprintf(to, "golden: %s: blessed %s at %s: %s", p->experiment, p->date, p->commit, p->reason);
        if (!pedigrees->logged) fprintf(to, " (%s)", no_log);
        if (p->unplaced[0]) fprintf(to, " (a later blessing, %s, never came into place)", p->unplaced);
        fputc('\n', to);
    }
}

json_t *hd_pedigrees_json(const hd_pedigrees *pedigrees) {
    json_t *list = json_array();
    for (size_t i = 0; i < pedigrees->count; i++) {
        const hd_pedigree *p = &pedigrees->list[i];
        json_t *json = json_pack("{ssssssssss}", "experiment", p->experiment, "date", p->date, "reason",
                                 p->reason, "commit", p->commit, "log", pedigrees->logged ? "kept" : no_log);
        if (p->unplaced[0]) json_object_set_new(json, "unplaced", json_string(p->unplaced));
        json_array_append_new(list, json);
    }
    return list;
}
