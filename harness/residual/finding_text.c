/* Findings in words. */
#include "residual/residual.h"

#include <math.h>
#include <stdio.h>

const char *hd_element_text(const hd_finding *finding, size_t element, const hd_capture_info *info,
                            char text[HD_LABEL + 48]) {
    static const char *const evaluated[] = {"validation error", "correct test examples",
                                            "correct validation examples", "correct training examples"};
    const hd_tensor_part *part = &finding->part;
    char name[HD_NAME];
    uint8_t tensor = finding->place.tensor;
    if (tensor == HD_EVALUATION && element < 4)
        snprintf(text, HD_LABEL + 48, "%s", evaluated[element]);
    else if ((tensor == HD_HYPERGRADIENTS || tensor == HD_HYPERPARAMETERS) && element < info->hypers)
        snprintf(text, HD_LABEL + 48, "%s", hd_hyperparameter_name(info->hyper[element], name));
    else if (part->shape.to)
        snprintf(text, HD_LABEL + 48, "[%zu,%zu]", finding->place.first + element / part->shape.to,
                 element % part->shape.to);
    else
        snprintf(text, HD_LABEL + 48, "[%zu]", finding->place.first + element);
    return text;
}

const char *hd_finding_text(const hd_finding *finding, const hd_capture_info *info,
                            char text[HD_FINDING_TEXT]) {
    const hd_rounding_test *test = &finding->test;
    char element[HD_LABEL + 48], times[32];
    hd_element_text(finding, test->worst, info, element);
    switch (test->excess) {
    case HD_NOT_FINITE_THERE:
        snprintf(text, HD_FINDING_TEXT, "%s is not finite", element);
        break;
    case HD_ELEMENT_TOO_FAR:
        if (test->furthest < 1e6)
            snprintf(times, sizeof times, "%.3g times", test->furthest);
        else
            snprintf(times, sizeof times, "more than a million times");
        snprintf(
            text, HD_FINDING_TEXT,
            "%zu of %zu elements are further off than rounding can bring them; the worst, %s, is %.9g where its "
            "equation gives %.9g: %s what rounding can do",
            test->beyond, test->count, element, test->is, test->expected, times);
        break;
    case HD_TOGETHER_TOO_FAR:
        snprintf(
            text, HD_FINDING_TEXT,
            "its %zu elements together are further off than rounding can bring them: relatively %.2g, %.3g times "
            "the root mean square that rounding can have",
            test->count, test->relative, test->spread);
        break;
    case HD_LEANING:
        snprintf(
            text, HD_FINDING_TEXT,
            "in %zu steps its elements are off to the same side, %s zero, by %.2g of what rounding can do: %.3g "
            "standard deviations, where rounding leans to neither side",
            finding->leaning_steps, finding->leaning_mean < 0 ? "towards" : "away from",
            fabs(finding->leaning_mean), fabs(finding->leaning_deviations));
        break;
    default:
        snprintf(text, HD_FINDING_TEXT, "nothing");
    }
    return text;
}
