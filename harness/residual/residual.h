/* Residuals: checks every operation of one run by itself. What the operation read is taken as the run wrote it, its
 * equation is evaluated in float64, and the difference from what the run wrote, the residual, is compared with what
 * rounding can do there. So a fault shows where it is made and nowhere else, however small what follows from it, and
 * no other run is needed. Batches, labels, initial weights and settings are the experiment's own. */
#ifndef HD_RESIDUAL_RESIDUAL_H
#define HD_RESIDUAL_RESIDUAL_H

#include "capture/capture.h"
#include "capture/tensor_part.h"
#include "residual/rounding_test.h"
#include "run/variant.h"

/* A part of a tensor that is not what its equation gives. */
typedef struct hd_finding {
    hd_place place; /* leaning: of the last step looked at */
    hd_tensor_part part;
    hd_rounding_test test;
    double odds;          /* that rounding does it somewhere in the run: at most 10^odds */
    size_t leaning_steps; /* of a leaning: how many steps, */
    double leaning_mean;  /* and its mean lean (see hd_rounding_test) */
    double leaning_deviations;
} hd_finding;

/* How far off a tensor was. */
typedef struct hd_residual_size {
    hd_place place;
    float furthest, spread; /* the greatest of its parts, as in hd_rounding_test */
    float block
        [HD_BLOCKS]; /* what rounding can do to a block of a digest: root of its elements' variances' sum */
} hd_residual_size;

enum { HD_MOST_FINDINGS = 256 };

typedef struct hd_residuals {
    hd_finding *findings; /* [kept], owned, in the run's order: the first HD_MOST_FINDINGS */
    size_t kept, found;
    hd_residual_size *sizes; /* [size_count], owned: of all tensors that were judged, in order */
    size_t size_count;
    double elements; /* judged */
} hd_residuals;

/* Reads a started full capture of the variant's run to its end and judges it. *residuals is to end with
 * hd_residuals_free, also after a failure. HD_INVALID: the capture is broken, or of other settings than the
 * variant's; HD_UNAVAILABLE: no memory or no data. HD_OK also if there are findings. */
hd_status hd_residuals_judge(hd_capture_reader *reader, const hd_variant *variant, hd_residuals *residuals,
                             hd_error *error);
void hd_residuals_free(hd_residuals *residuals);

/* Writes what is wrong, "851 of 851 elements are further off than rounding can bring them; ...", and returns it. */
enum { HD_FINDING_TEXT = 320 };
const char *hd_finding_text(const hd_finding *finding, const hd_capture_info *info,
                            char text[HD_FINDING_TEXT]);

/* Writes the name of an element of a finding's part, "W_1[3,4]", "eta", "correct test examples", and returns it. */
const char *hd_element_text(const hd_finding *finding, size_t element, const hd_capture_info *info,
                            char text[HD_LABEL + 48]);

#endif
