/* hyperdrift calibrate: how far rounding alone moves an experiment's figures, and whether its tolerances
 * hold. */
#include "base/json.h"
#include "base/terminal.h"
#include "commands/commands.h"
#include "golden/calibration.h"
#include "golden/tolerance_text.h"
#include "judge/verdict_text.h"

/* alarms: for --json, else NULL. */
static void take_alarm(void *alarms, size_t seed, const hd_verdict *verdict) {
    const hd_judgement *worst = hd_verdict_worst(verdict);
    if (alarms)
        json_array_append_new(alarms, json_pack("{sisisssssf}", "seed", (int)seed, "step", (int)verdict->step,
                                                "mode", hd_mode_name(verdict->mode), "worst", worst->name,
                                                "budget_used", worst->budget_used));
    else
        printf("    alarm: seed %zu, hyper-iteration %zu, %s: %s at %.3g of its tolerance\n", seed,
               verdict->step, hd_mode_name(verdict->mode), worst->name, worst->budget_used);
}

/* Prints the calibration, or adds it to the document. */
static hd_status tell(const hd_loaded_experiment *loaded, const hd_golden *golden, json_t *document,
                      hd_error *error) {
    if (!document) {
        printf("%s, hyper-iteration %zu\n", loaded->experiment.name, golden->reference.step);
        hd_tolerances_print(stdout, golden);
        return HD_OK;
    }
    json_t *json;
    hd_status status = hd_golden_calibration_json(golden, &json, error);
    if (status == HD_OK) json_array_append_new(json_object_get(document, "calibrations"), json);
    return status;
}

static void tell_verification(const hd_loaded_experiment *loaded, const hd_verification *v,
                              json_t *document) {
    const char *holds = hd_verification_holds(v) ? "pass" : "FAIL";
    if (!document)
        printf("%s  %s: %zu of %zu records of %s raise an alarm; stated rate %g\n", holds,
               loaded->experiment.name, v->alarms, v->records, "fresh replicas", HD_FALSE_ALARMS);
    else
        json_array_append_new(json_object_get(document, "verifications"),
                              json_pack("{sssisisf}", "experiment", loaded->experiment.name, "records",
                                        (int)v->records, "alarms", (int)v->alarms, "rate", HD_FALSE_ALARMS));
}

static hd_status verify(const hd_calibration *calibration, const hd_options *options, json_t *document,
                        hd_error *error) {
    hd_verification verification;
    json_t *alarms = json_object_get(document, "alarms");
    hd_status status =
        hd_calibration_verify(calibration, options->verify, take_alarm, alarms, &verification, error);
    if (status != HD_OK) return status;
    tell_verification(calibration->loaded, &verification, document);
    if (hd_verification_holds(&verification)) return HD_OK;
    return hd_fail(error, HD_DIFFERENT, "%s: alarms: %zu in %zu records, more than the stated rate of %g",
                   calibration->loaded->experiment.name, verification.alarms, verification.records,
                   HD_FALSE_ALARMS);
}

static hd_status calibrate(const hd_options *options, const char *word, json_t *document, hd_error *error) {
    hd_loaded_experiment loaded;
    hd_calibration calibration = {0};
    hd_status status = hd_loaded_experiment_open(word, &options->request, NULL, &loaded, error);
    if (status == HD_OK)
        status = hd_calibration_run(&calibration, options->replicas, &options->request, &loaded, error);
    for (size_t k = 0; status == HD_OK && k < calibration.goldens.count; k++)
        status = tell(&loaded, &calibration.goldens.steps[k], document, error);
    if (status == HD_OK && options->verify) status = verify(&calibration, options, document, error);
    hd_calibration_end(&calibration);
    hd_loaded_experiment_close(&loaded);
    return status;
}

hd_status hd_command_calibrate(const hd_options *options) {
    hd_status worst = HD_OK;
    hd_error error;
    json_t *document =
        options->json ? json_pack("{s[]s[]s[]}", "calibrations", "verifications", "alarms") : NULL;
    for (size_t i = 0; i < options->word_count; i++)
        if (calibrate(options, options->words[i], document, &error) != HD_OK)
            worst = hd_terminal_complain(worst, &error);
    hd_document_print(document, 17);
    return worst;
}
